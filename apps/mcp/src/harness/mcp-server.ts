// For tests: the MCP server on a free port, with an issuer of its own, and requests in both eras of the protocol.
import { openSqliteStore } from '@gatehouse/mcp-sessions'
import { createTokenIssuer, freePort, type TokenIssuer } from '@gatehouse/testing'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { FastifyInstance } from 'fastify'
import { type AppDependencies, createApp } from '../app.ts'
import { readConfig } from '../config.ts'
import { openGateway } from '../gateway/open-gateway.ts'

export type Era = '2025-11-25' | '2026-07-28'
export const eras: readonly Era[] = ['2025-11-25', '2026-07-28']

export interface TestServer extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly issuer: TokenIssuer
  readonly resource: string
  /** Where the server is; differs from the resource where a test configures another one. */
  readonly origin: string
  readonly log: string[]
  readonly sign: TokenIssuer['sign']
  /** Posts one message, by default with a good token. `undefined` leaves a header out. */
  readonly post: (message: unknown, headers?: Record<string, string | undefined>) => Promise<Response>
  readonly connect: (era: Era, token?: string) => Promise<Client>
  /** As the operator's signal does it. */
  readonly reload: () => void
}

export interface TestServerOptions extends Partial<Omit<AppDependencies, 'config' | 'logStream'>> {
  readonly env?: Readonly<Record<string, string>> | ((origin: string) => Readonly<Record<string, string>>)
  /** Of the resource; by default `/mcp`. */
  readonly path?: string
  /** By default one of its own. */
  readonly issuer?: TokenIssuer
}

/** With sessions in memory, unless `store` says otherwise (`undefined`: none). */
export async function startMcpServer({
  env = {},
  issuer: shared,
  path = '/mcp',
  ...given
}: TestServerOptions = {}): Promise<TestServer> {
  const dependencies = 'store' in given ? given : { ...given, store: openSqliteStore({ path: ':memory:' }) }
  const issuer = shared ?? (await createTokenIssuer())
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const variables = {
    MCP_RESOURCE_URL: `${origin}${path}`,
    MCP_ISSUER: issuer.issuer,
    PORT: String(port),
    ...(typeof env === 'function' ? env(origin) : env),
  }
  const read = () => readConfig(variables)
  let hangUp: () => void = () => undefined
  const onSignal = (run: () => void) => {
    hangUp = run
    return () => undefined
  }
  const config = read()
  const log: string[] = []
  const logStream = { write: (line: string) => void log.push(line) }
  const app = createApp({ config, openGateway, logStream, reload: { read, onSignal }, ...dependencies })
  await app.listen({ host: 'localhost', port })
  const { resource } = config
  const sign: TokenIssuer['sign'] = (claims, options) => issuer.sign({ aud: resource, ...claims }, options)

  return {
    app,
    issuer,
    resource,
    origin,
    log,
    sign,
    post: async (message, headers = {}) => {
      const merged = { authorization: `Bearer ${await sign()}`, ...jsonHeaders, ...headers }
      const present = Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined)
      const body = typeof message === 'string' ? message : JSON.stringify(message)
      return fetch(`${origin}${path}`, { method: 'POST', headers: Object.fromEntries(present), body })
    },
    connect: async (era, token) => {
      const bearer = token ?? (await sign())
      const client = new Client({ name: 'test', version: '1' }, era === '2026-07-28' ? modern : {})
      await client.connect(
        new StreamableHTTPClientTransport(new URL(resource), { authProvider: { token: async () => bearer } }),
      )
      return client
    },
    reload: () => hangUp(),
    [Symbol.asyncDispose]: async () => {
      await app.close()
      if (!shared) await issuer[Symbol.asyncDispose]()
    },
  }
}

const modern = { versionNegotiation: { mode: 'auto' } } as const
const jsonHeaders = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

/** A request of one era, as the headers and the body it takes. */
export function requestOf(era: Era, method: string, params: Record<string, unknown> = {}) {
  if (era === '2025-11-25') return { message: { jsonrpc: '2.0', id: 1, method, params }, headers: {} }
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': era,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const name = typeof params.name === 'string' ? { 'mcp-name': params.name } : {}
  const headers = { 'mcp-protocol-version': era, 'mcp-method': method, ...name }
  return { message: { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }, headers }
}

/** The JSON-RPC answer in a response, whether it came as JSON or as the first event with data in a stream. */
export async function answerOf(response: Response) {
  const body = await response.text()
  return JSON.parse(/^data: ([^\r\n]+)/m.exec(body)?.[1] ?? body)
}
