import { cleanLine } from './text.ts'

/** What an error answer says, in one clean line: `error: error_description` of an OAuth error, else its text. */
export function errorBodyLine(body: string, limit?: number): string {
  try {
    const { error, error_description } = JSON.parse(body) as Record<string, unknown>
    const parts = [error, error_description].filter((part) => typeof part === 'string' && part)
    if (parts.length > 0) return cleanLine(parts.join(': '), limit)
  } catch {
    // not JSON: the text as it is
  }
  return cleanLine(body, limit)
}
