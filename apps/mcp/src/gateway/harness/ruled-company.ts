// For tests: a company with rules, in front of two servers: one that writes down what it is asked, and the reference server.
import { type GatewayServer, startWithFile } from '../../harness/gateway-file.ts'
import { type Era, requestOf, type TestServerOptions } from '../../harness/mcp-server.ts'
import type { StdioUpstream } from '../settings.ts'
import { everythingServer } from './everything.ts'
import { type LedgerServer, startLedgerServer } from './ledger-server.ts'

const rules = [
  {
    tools: ['ledger/transfer'],
    when: 'caller.kind == "person" && args.amount <= 1000',
    scopes: ['ledger:write', 'ledger:move'],
  },
  { tools: ['ledger/get_*'] },
  { tools: ['everything/echo'] },
  { tools: ['everything/get-sum'], when: 'caller.subject == "dev:ada"' },
  { prompts: ['ledger/review'], resources: ['ledger/ledger://public/*'] },
]
const base = 'mcp:tools:read mcp:tools:call'
export const people = {
  ada: { sub: 'dev:ada', scope: base },
  bob: { sub: 'dev:bob', scope: `${base} ledger:write ledger:move` },
  robot: { sub: 'robot', client_id: 'robot', scope: `${base} ledger:write ledger:move` },
  reader: { sub: 'dev:ada', scope: 'mcp:tools:read' },
} as const
export type Person = keyof typeof people

export interface RuledCompany extends AsyncDisposable {
  readonly server: GatewayServer
  readonly ledger: LedgerServer
  ask(who: Person, era: Era, method: string, params?: Record<string, unknown>): Promise<Response>
  write(rules: readonly object[]): void
}

export async function startCompany(
  env: Readonly<Record<string, string>> = {},
  options: Pick<TestServerOptions, 'metrics'> = {},
): Promise<RuledCompany> {
  const ledger = await startLedgerServer()
  const { settings } = await everythingServer('stdio')
  const { command } = settings as StdioUpstream
  const content = {
    endpoints: { '/mcp': ['ledger', 'everything'], '/free': ['everything'] },
    upstreams: { ledger: { url: ledger.url }, everything: { command } },
  }
  const server = await startWithFile({ ...content, rules }, { ...options, env })
  return {
    server,
    ledger,
    async ask(who, era, method, params) {
      const { message, headers } = requestOf(era, method, params)
      const authorization = `Bearer ${await server.sign({ ...people[who], aud: server.at('/mcp') })}`
      const named = era === '2026-07-28' && typeof params?.uri === 'string' ? { 'mcp-name': params.uri } : {}
      return server.post(message, { ...headers, ...named, authorization })
    },
    write(next) {
      server.file.write({ ...content, rules: next })
      server.reload()
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await ledger[Symbol.asyncDispose]()
    },
  }
}
