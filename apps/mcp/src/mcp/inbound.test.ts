import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { findHeaderMismatch } from './inbound.ts'

const tool = {
  name: 'move',
  inputSchema: {
    type: 'object' as const,
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      amount: { type: 'integer', 'x-mcp-header': 'Amount' },
      options: { type: 'object', properties: { dry: { type: 'boolean', 'x-mcp-header': 'Dry' } } },
    },
  },
}

verifies('M8', 'headers that repeat arguments of a call say what the call says', () => {
  const find = (args: object, headers: Record<string, string>) =>
    findHeaderMismatch({ 'mcp-name': 'move', ...headers }, { params: { name: 'move', arguments: args } }, tool)
  const [region, amount, dry] = ['mcp-param-region', 'mcp-param-amount', 'mcp-param-dry']
  const agreeing: readonly [object, Record<string, string>][] = [
    [{}, {}],
    [{ region: null }, { [region]: 'whatever' }],
    [{ region: 'eu' }, { [region]: 'eu' }],
    [{ region: 'ü' }, { [region]: '=?base64?w7w=?=' }],
    [
      { amount: 12, options: { dry: true } },
      { [amount]: '12.0', [dry]: 'true' },
    ],
  ]
  for (const [args, headers] of agreeing) expect(find(args, headers), JSON.stringify(args)).toBeUndefined()
  const disagreeing: readonly [object, Record<string, string>, string][] = [
    [{ region: 'eu' }, {}, 'Mcp-Param-Region'],
    [{ region: 'eu' }, { [region]: 'us' }, 'Mcp-Param-Region'],
    [{ region: 'eu' }, { [region]: '=?base64?ZXU?=' }, 'Mcp-Param-Region'],
    [{ region: '\ufffd' }, { [region]: '=?base64?/w==?=' }, 'Mcp-Param-Region'],
    [{ amount: 12 }, { [amount]: '0xc' }, 'Mcp-Param-Amount'],
    [{ options: { dry: true } }, { [dry]: 'false' }, 'Mcp-Param-Dry'],
    [{}, { 'mcp-name': 'stay' }, 'Mcp-Name'],
  ]
  for (const [args, headers, header] of disagreeing) {
    expect(find(args, headers), JSON.stringify(headers)).toMatchObject({
      status: 400,
      code: -32_020,
      data: { mismatch: { header } },
    })
  }
})
