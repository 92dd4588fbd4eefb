import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { cleanLine, cleanText, safeJson } from './text.ts'

const esc = '\u001b'

verifies('K3', 'escape sequences, control and bidirectional characters from a server do not reach the terminal', () => {
  expect(cleanLine(`BD${esc}[2J${esc}]0;title\u0007WP\u009b31m\u202e-\u2066HQ\u200fTK\u0000`)).toBe('BDWP-HQTK')
  expect(cleanText(`one\r\ntwo\u2028\rthree\tend${esc}[1A\u{e0041}`)).toBe('one\ntwothree\tend')
})

verifies('K3', 'a megabyte of text from a server is cut', () => {
  expect(cleanLine('x'.repeat(1_000_000))).toHaveLength(200)
  expect(cleanLine(`${esc}[0m`.repeat(500_000)).length).toBeLessThanOrEqual(200)
  expect(cleanText('line\n'.repeat(300_000), 1000)).toHaveLength(1000)
})

verifies('K3', 'JSON output means the same and holds nothing a terminal acts on', () => {
  const value = { text: `${esc}[31m\u009b\u202e\u{e0041} fine: é 👩‍🚀 日本` }
  const json = safeJson(value)
  expect(JSON.parse(json)).toEqual(value)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(json).not.toMatch(/[\u001b\u009b\u202e\u{e0041}]/u)
  expect(json).toContain('é 👩‍🚀 日本')
})

test('cutting does not leave half a character behind', () => {
  expect(cleanLine('👍'.repeat(10), 6)).toBe('👍👍…')
})
