import { cleanLine } from '@gatehouse/network'
import { usageError } from './options.ts'

/** The JSON object that somebody typed. `example` is a command that shows how. */
export function readArguments(text: string, example: string): Record<string, unknown> {
  try {
    const args: unknown = JSON.parse(text)
    if (typeof args === 'object' && args !== null && !Array.isArray(args)) return args as Record<string, unknown>
  } catch {
    // told below
  }
  throw usageError(
    `The arguments are not a JSON object: ${cleanLine(text, 60)}`,
    'Quote them for your shell, for example:',
    example,
  )
}

/** The same where every value has to be a text, as the arguments of prompts are; numbers and booleans become one. */
export function readTextArguments(text: string, example: string): Record<string, string> {
  const entries = Object.entries(readArguments(text, example)).map(([name, value]) => {
    if (typeof value === 'object')
      throw usageError(`"${cleanLine(name, 40)}" has to be a text.`, 'For example:', example)
    return [name, String(value)]
  })
  return Object.fromEntries(entries)
}
