// For tests: upstreams of either era, opened as the gateway opens them.
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { conformanceSource } from '../../harness/conformance-fixtures.ts'
import { startMcpServer } from '../../harness/mcp-server.ts'
import { systemClock } from '../catalog/clock.ts'
import type { UpstreamSettings } from '../settings.ts'
import { createInflow, largestInflow } from '../upstreams/inflow.ts'
import { type OpenUpstreamOptions, openUpstream } from '../upstreams/open.ts'
import type { PooledUpstream } from '../upstreams/upstream.ts'
import { everythingServer } from './everything.ts'
import { remoteSettings } from './settings.ts'

export type TestUpstream = PooledUpstream & AsyncDisposable

export function testUpstream(
  settings: UpstreamSettings,
  given: Pick<OpenUpstreamOptions, 'sessions' | 'identify'> = {},
): TestUpstream {
  const upstream = openUpstream(settings, {
    identity: { name: 'gatehouse', version: '0' },
    proxies: undefined,
    clock: systemClock,
    onerror: () => undefined,
    inflow: createInflow(largestInflow),
    startProcess: ({ command: [command, ...args] }) => new StdioClientTransport({ command, args, stderr: 'ignore' }),
    openBuiltin: () => {
      throw new Error('there is no demonstration here')
    },
    ...given,
  })
  return Object.assign(upstream, { [Symbol.asyncDispose]: () => upstream.close() })
}

/** The reference server, which is of the 2025 era. */
export async function legacyUpstream(given: Partial<UpstreamSettings> = {}): Promise<TestUpstream> {
  const server = await everythingServer('stdio')
  return testUpstream({ ...server.settings, ...given } as UpstreamSettings)
}

/** The fixtures of the conformance suite, behind a guard of their own: a credential comes with it. */
export async function modernUpstream(given: Partial<UpstreamSettings> = {}): Promise<TestUpstream> {
  const server = await startMcpServer({ source: conformanceSource })
  const token = await server.sign()
  const headers = { authorization: () => `Bearer ${token}` }
  const upstream = testUpstream({ ...remoteSettings(server.resource, { headers }), ...given } as UpstreamSettings)
  return Object.assign(upstream, {
    async [Symbol.asyncDispose]() {
      await upstream.close()
      await server[Symbol.asyncDispose]()
    },
  })
}
