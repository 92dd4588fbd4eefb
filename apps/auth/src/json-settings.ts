// Settings that are JSON, or a file with it.
import { readFileSync } from 'node:fs'
import { parseJson } from '@gatehouse/shared'
import type { z } from 'zod'

/** `shown`: how the file is called in a fault. */
export function readText(file: string, name: string, faults: string[], shown = file): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    faults.push(`${name}: ${shown} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
    return undefined
  }
}

/** Undefined: what is wrong is told in `faults`, and no value is. */
export function readJson<T extends z.ZodType>(
  name: string,
  json: string,
  schema: T,
  faults: string[],
): z.infer<T> | undefined {
  let value: unknown
  try {
    value = parseJson(json)
  } catch (error) {
    faults.push(`${name} is ${(error as SyntaxError).message}.`)
    return undefined
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  for (const { path, message } of result.error.issues)
    faults.push(`${name}${path.length > 0 ? ` at ${path.join('.')}` : ''}: ${message}.`)
  return undefined
}
