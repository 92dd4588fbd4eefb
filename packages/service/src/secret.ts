import { readFileSync } from 'node:fs'
import type { Environment } from '@gatehouse/shared'

/** A secret, from `NAME` or from the file that `NAME_FILE` names. Its value never enters a message. */
export function readSecret(env: Environment, name: string, faults: string[]): string | undefined {
  const file = env[`${name}_FILE`]
  if (env[name] && file) faults.push(`${name} and ${name}_FILE are both set: set one.`)
  if (!file) return env[name] || undefined
  try {
    const content = readFileSync(file, 'utf8').trim()
    if (content === '') faults.push(`${name}_FILE: ${file} is empty.`)
    return content || undefined
  } catch (error) {
    faults.push(`${name}_FILE: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
    return undefined
  }
}
