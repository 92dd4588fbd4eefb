// The lock of a gateway's file, which stands beside it. What is in it: gateway/pins/lock.ts.
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { PinsInFile } from '@gatehouse/shared/gateway-file'
import { LockError, lockName, lockOf, readLock } from './gateway/pins/lock.ts'
import type { PinSettings } from './gateway/settings.ts'

interface PinsRead {
  readonly settings: PinSettings
  /** Where it was read, or is missing: a change of it is one of the file. Undefined where it does not matter. */
  readonly file?: string
  readonly fault?: string
}

/** `path`: of the gateway's file. `lock`: `ignored` by who writes it. */
export function readPins(pins: PinsInFile, path: string, lock: 'needed' | 'ignored'): PinsRead {
  const settings = { ...pins, lock: lockOf([]) }
  if (pins.mode === 'off' || lock === 'ignored') return { settings }
  const file = lockBeside(path)
  const fault = (what: string) => ({ settings, file, fault: `${what}: run \`gatehouse gateway pin ${path}\`` })
  try {
    return { settings: { ...settings, lock: readLock(readFileSync(file, 'utf8')) }, file }
  } catch (error) {
    if (error instanceof LockError) return fault(`${file} ${error.message}`)
    const { code } = error as NodeJS.ErrnoException
    return fault(code === 'ENOENT' ? `there is no ${file}` : `${file} cannot be read (${code})`)
  }
}

export function lockBeside(path: string): string {
  return join(dirname(resolve(path)), lockName)
}
