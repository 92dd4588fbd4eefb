import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { readUpstreamText } from './upstream-text.ts'

verifies(
  'U6',
  'an answer of an upstream that is too large or nested too deep counts as none, and any other is read',
  async () => {
    const nested = (levels: number) => `{"id":${'['.repeat(levels)}${']'.repeat(levels)}}`
    for (const body of ['x'.repeat(256 * 1024 + 1), nested(7_000), nested(64)])
      await expect(readUpstreamText(new Response(body)), body.slice(0, 20)).rejects.toThrow(RangeError)
    for (const body of ['', '{"id":1}', nested(63), `<html>${'['.repeat(500)}`])
      expect(await readUpstreamText(new Response(body))).toBe(body)
  },
)
