// Packages as somebody else gets them: packed, and installed by npm into an empty folder. What they depend on comes from npm.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repository } from '@gatehouse/testing'

export interface PackedFolder {
  readonly path: string
  readonly run: (command: string, args: readonly string[]) => Promise<{ readonly stdout: string }>
  readonly [Symbol.dispose]: () => void
}

/** `names`: folders below `packages/`. `beside`: what its author has of others, as npm names it. */
export async function installPacked(names: readonly string[], beside: readonly string[] = []): Promise<PackedFolder> {
  const path = mkdtempSync(join(tmpdir(), 'gatehouse-packed-'))
  const run = (command: string, args: readonly string[], cwd = path) => promisify(execFile)(command, args, { cwd })
  const tarballs: string[] = []
  for (const name of names) {
    const folder = join(repository, 'packages', name)
    await run('pnpm', ['exec', 'tsc', '-b'], folder)
    const { stdout } = await run('pnpm', ['pack', '--json', '--pack-destination', path], folder)
    tarballs.push(JSON.parse(stdout.slice(stdout.search(/^\{/m))).filename)
  }
  writeFileSync(join(path, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs, ...beside])
  return { path, run, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
