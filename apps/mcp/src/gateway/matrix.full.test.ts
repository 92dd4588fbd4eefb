// Clients and upstreams of both eras, over all transports, thing by thing. One table is printed and kept.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { startMcpServer } from '../harness/mcp-server.ts'
import { fixtureKinds, startFixture } from './harness/fixture-upstream.ts'
import { gatewayEnv } from './harness/gateway.ts'
import { cells } from './harness/matrix-cells.ts'
import { clientNames, connectClient } from './harness/matrix-clients.ts'
import type { Era } from './upstreams/contract.ts'

interface Outcome {
  readonly client: string
  readonly upstream: string
  readonly cell: string
  readonly outcome: 'pass' | 'fail' | 'n/a'
  readonly reason?: string
}

const outcomes: Outcome[] = []

describe.each(clientNames)('%s', (name) => {
  test.each(fixtureKinds)('%s', async (kind) => {
    await using fixture = await startFixture(kind, {}, 'matrix')
    await using server = await startMcpServer({ env: gatewayEnv({ fixture: fixture.settings }) })
    for (const [cell, run] of Object.entries(cells)) {
      await using client = await connectClient(name, server)
      const of = { client: name, upstream: kind, cell }
      const outcome: Outcome = await run(client, kind.slice(-4) as Era).then(
        (reason) => (reason === undefined ? { ...of, outcome: 'pass' } : { ...of, outcome: 'n/a', reason }),
        (error: Error) => ({ ...of, outcome: 'fail', reason: error.message }),
      )
      outcomes.push(outcome)
    }
    const failed = outcomes.filter(
      ({ client, upstream, outcome }) => client === name && upstream === kind && outcome === 'fail',
    )
    expect(failed).toEqual([])
  })
})

afterAll(() => {
  const columns = Object.keys(cells)
  const widths = columns.map((column) => Math.max(column.length, 4) + 2)
  const line = (head: string, values: readonly string[]) =>
    `${head.padEnd(28)}${values.map((value, i) => value.padEnd(widths[i] ?? 0)).join('')}\n`
  const rows = clientNames.flatMap((client) =>
    fixtureKinds.map((upstream) =>
      line(
        `${client} → ${upstream}`,
        columns.map(
          (cell) =>
            outcomes.find((one) => one.client === client && one.upstream === upstream && one.cell === cell)?.outcome ??
            '',
        ),
      ),
    ),
  )
  const reasons = Map.groupBy(
    outcomes.filter(({ reason }) => reason !== undefined),
    ({ cell, reason }) => `${cell}: ${reason}`,
  )
  const counted = [...reasons].map(([reason, all]) => `${all.length} × ${reason}\n`)
  process.stdout.write([line('', columns), ...rows, ...counted].join(''))
  const folder = join(import.meta.dirname, '../../../../test-output')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'gateway-matrix.json'), `${JSON.stringify(outcomes, null, 2)}\n`)
})
