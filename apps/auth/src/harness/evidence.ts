// What a test file must not find in a log or in an error: every secret that went over the wire in its tests. The
// harness fills this by itself; provesSecrecy(), called last in a file, looks through it.
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'

/** Shorter values occur by chance. */
const shortest = 8

const secrets = new Map<string, string>()
const logs: string[] = []
const errors: string[] = []

export const evidence = {
  /** `kind` is what the failure names: the secret itself stays out of the report. */
  plant(kind: string, secret: unknown): void {
    if (typeof secret === 'string' && secret.length >= shortest) secrets.set(secret, kind)
  },
  log(line: string): void {
    logs.push(line)
  },
  error(text: string): void {
    errors.push(text)
  },
}

/** Declares the test that ends a file: nothing that was secret in it is in its servers' logs or in an error. */
export function provesSecrecy(): void {
  verifies('T25', 'none of the secrets of this file is in the log or in the text of an error', () => {
    const written = logs.join('')
    const said = errors.join('\n')
    expect(secrets.size).toBeGreaterThan(0)
    expect(written).toContain('request completed')
    const found = [...secrets].filter(([secret]) => written.includes(secret) || said.includes(secret))
    expect(found.map(([secret, kind]) => `${kind} ${secret.slice(0, 4)}…`)).toEqual([])
    expect(said).not.toMatch(/\bat .+:\d+:\d+|node_modules|\.ts\b/)
  })
}
