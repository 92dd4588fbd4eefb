import { expect, test } from 'vitest'
import { paramsFor, resultFor } from './envelope.ts'

const identity = { name: 'gatehouse', version: '1' }
const own = 'io.modelcontextprotocol/'

test('a hop has an envelope of its own: none of the client’s is passed on', () => {
  const params = {
    name: 'x',
    _meta: {
      [`${own}protocolVersion`]: 'theirs',
      [`${own}clientInfo`]: { name: 'theirs' },
      [`${own}clientCapabilities`]: { sampling: {} },
      [`${own}logLevel`]: 'debug',
      progressToken: 'theirs',
      traceparent: 'kept',
      'com.example/kept': 1,
    },
  }
  const behalf = { capabilities: { roots: {} }, logLevel: undefined }
  expect(paramsFor(params, { era: '2026', identity, behalf, progressToken: 7 })).toEqual({
    name: 'x',
    _meta: {
      traceparent: 'kept',
      'com.example/kept': 1,
      progressToken: 7,
      [`${own}protocolVersion`]: '2026-07-28',
      [`${own}clientInfo`]: identity,
      [`${own}clientCapabilities`]: { roots: {} },
    },
  })
  expect(paramsFor(params, { era: '2025', identity, behalf, progressToken: undefined })).toEqual({
    name: 'x',
    _meta: { traceparent: 'kept', 'com.example/kept': 1 },
  })
  expect(paramsFor(undefined, { era: '2025', identity, behalf, progressToken: undefined })).toBeUndefined()
})

test('a result loses what its hop added, and in the older era what is unknown there', () => {
  const result = {
    resultType: 'complete',
    ttlMs: 1,
    cacheScope: 'private',
    content: [],
    odd: { a: null },
    _meta: { [`${own}serverInfo`]: {} },
  }
  expect(resultFor(result, '2025')).toEqual({ content: [], odd: { a: null } })
  expect(resultFor(result, '2026')).toEqual({
    resultType: 'complete',
    ttlMs: 1,
    cacheScope: 'private',
    content: [],
    odd: { a: null },
  })
  expect(resultFor({ _meta: {} }, '2025')).toEqual({ _meta: {} })
  expect(resultFor({ _meta: { a: 1, [`${own}serverInfo`]: {} } }, '2025')).toEqual({ _meta: { a: 1 } })
})
