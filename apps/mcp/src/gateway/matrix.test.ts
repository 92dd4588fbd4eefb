// A few cells of the matrix, see matrix.full.test.ts.
import { expect, test } from 'vitest'
import { startMcpServer } from '../harness/mcp-server.ts'
import { type FixtureKind, startFixture } from './harness/fixture-upstream.ts'
import { gatewayEnv } from './harness/gateway.ts'
import { cells } from './harness/matrix-cells.ts'
import { type ClientName, connectClient } from './harness/matrix-clients.ts'
import type { Era } from './upstreams/contract.ts'

test.each<[ClientName, FixtureKind, readonly string[]]>([
  ['SDK v1', 'http 2026', ['progress', 'form']],
  ['SDK v2, 2026', 'stdio 2025', ['form', 'list_changed', 'subscribe']],
])('%s with %s', async (name, kind, chosen) => {
  await using fixture = await startFixture(kind, {}, 'matrix')
  await using server = await startMcpServer({ env: gatewayEnv({ fixture: fixture.settings }) })
  await using client = await connectClient(name, server)
  for (const cell of chosen) expect(await cells[cell]?.(client, kind.slice(-4) as Era), cell).toBeUndefined()
})
