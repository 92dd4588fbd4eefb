// Measured figures, kept in test-output/faults.json for docs/faults.md, and printed if they are few.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '@gatehouse/testing'

const file = join(repository, 'test-output', 'faults.json')

const longest = 800

export function report(name: string, figures: unknown): void {
  mkdirSync(join(repository, 'test-output'), { recursive: true })
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as object) : {}
  writeFileSync(file, `${JSON.stringify({ ...known, [name]: figures }, null, 2)}\n`)
  const line = JSON.stringify(figures)
  if (line.length < longest) process.stdout.write(`${name}: ${line}\n`)
}
