// The secret that everything else is derived from, where the operator gave none: outside production it is made once
// and kept in the data directory, so that a restart reads what was written before.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Reads `auth.secret` in the data directory, or makes it (mode 0600). */
export function loadOrCreateSecret(dataDir: string): string {
  const file = join(dataDir, 'auth.secret')
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8').trim()
}
