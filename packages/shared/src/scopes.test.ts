import { expect, test } from 'vitest'
import { describeScope } from './scopes.ts'

test('a scope is told in words, ours before those of a resource, or as it is', () => {
  const own = { 'ledger:write': 'Move money for you', 'mcp:tools:call': 'Nothing at all' }
  expect(describeScope('ledger:write', own)).toBe('Move money for you')
  expect(describeScope('mcp:tools:call', own)).toBe('Run tools for you')
  for (const scope of ['ledger:read', 'constructor']) expect(describeScope(scope, own)).toBe(scope)
})
