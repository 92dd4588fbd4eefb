// The secret that everything else is derived from, where the operator gave none: outside production it is made once
// and kept in the data directory, so that a restart reads what was written before.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from './errors.ts'

const secretLength = 32

/** Reads `name` in the data directory, or makes it (mode 0600). Throws {@link ConfigError} where it cannot. */
export function loadOrCreateSecret(dataDir: string, name: string): string {
  const file = join(dataDir, name)
  const secret = attempt(file, () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    createFile(file, `${randomBytes(secretLength).toString('base64url')}\n`)
    return readFileSync(file, 'utf8').trim()
  })
  if (secret.length < secretLength)
    throw new ConfigError([`${file} is no secret: put it back, or delete it with all data.`])
  return secret
}

/** Unless it is there. On a full disk nothing is left of it: an empty one would be the secret of the next start. */
function createFile(file: string, content: string): void {
  try {
    writeFileSync(file, content, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    rmSync(file, { force: true })
    throw error
  }
}

function attempt<T>(file: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw new ConfigError([`DATA_DIR: ${file} cannot be written or read (${(error as NodeJS.ErrnoException).code}).`])
  }
}
