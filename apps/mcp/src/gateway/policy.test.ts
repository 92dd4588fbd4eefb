import { expect, test } from 'vitest'
import { scopesFor } from './policy.ts'

test.each([
  ['tools/list', true, ['mcp:tools:read']],
  ['tools/call', true, ['mcp:tools:call']],
  ['resources/read', true, ['mcp:tools:read']],
  ['com.example/odd', true, ['mcp:tools:call']],
  ['initialize', true, []],
  ['notifications/initialized', false, []],
  ['notifications/odd', true, ['mcp:tools:call']],
  [undefined, false, []],
])('%s needs what it may do (request: %s)', (method, isRequest, scopes) => {
  expect(scopesFor(method, isRequest)).toEqual(scopes)
})
