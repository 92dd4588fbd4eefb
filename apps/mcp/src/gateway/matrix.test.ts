// A few cells of the matrix, see matrix.full.test.ts.
import { expect, test } from 'vitest'
import { startMcpServer } from '../suites/mcp-server.ts'
import { type FixtureKind, startFixture } from './suites/fixture-upstream.ts'
import { gatewayEnv } from './suites/gateway.ts'
import { cells } from './suites/matrix-cells.ts'
import { type ClientName, connectClient } from './suites/matrix-clients.ts'
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
