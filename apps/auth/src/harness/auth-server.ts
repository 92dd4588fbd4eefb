// A whole authorization server for one test: the real app on a real socket, an SQLite store (in memory, unless a file
// is asked for), static clients from a file, the log captured, and a clock that only the test moves.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMetrics } from '@gatehouse/service'
import { type AuditLine, auditLine } from '@gatehouse/shared'
import { freePort } from '@gatehouse/testing'
import type { FastifyInstance } from 'fastify'
import { afterEach, inject, vi } from 'vitest'
import { createApp } from '../app.ts'
import { type Config, readConfig } from '../config.ts'
import { createLogger } from '../log.ts'
import { reloadSource } from '../reload.ts'
import type { DocumentStore, Store } from '../store/contract.ts'
import { createSealing } from '../store/sealing.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import { type Browser, createBrowser } from './browser.ts'
import { type ClientMetadata, staticClients } from './clients.ts'
import { evidence } from './evidence.ts'
import { type Answer, createHttp, encodeForm, type Fields, type Headers, type Http } from './http.ts'

export interface AuthServerOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** In place of those of clients.ts. A string is written into the client file as it is. */
  readonly clients?: readonly ClientMetadata[] | string
  /** Where a restart has to find what was there before. A new, empty place by default. */
  readonly dataDir?: string
  readonly port?: number
  /** Puts something between the app and its store. */
  readonly wrapStore?: (store: Store) => Store
}

export interface AuthServer extends AsyncDisposable {
  readonly issuer: string
  readonly port: number
  readonly config: Config
  readonly app: FastifyInstance
  readonly store: Store
  /** What was logged so far, JSON lines. */
  readonly log: () => string
  /** The audit so far. */
  readonly audit: () => readonly AuditLine[]
  /** What Prometheus would read. */
  readonly metrics: () => Promise<string>
  /** Moves the clock of the engine and of the store. */
  readonly elapse: (seconds: number) => void
  readonly get: (path: string, headers?: Headers) => Promise<Answer>
  /** A form by default; a string is sent as it is, under the content type that `headers` gives. */
  readonly post: (path: string, body: Fields | string | Buffer, headers?: Headers) => Promise<Answer>
  readonly request: (options: { method: string; path: string; headers?: Headers; body?: string }) => Promise<Answer>
  readonly token: (fields: Fields, headers?: Headers) => Promise<Answer>
  readonly register: (metadata: unknown, headers?: Headers) => Promise<Answer>
  readonly openBrowser: (options?: { readonly headers?: Headers }) => Browser
  /** Writes the client file again; the server reads it within a second or two. */
  readonly writeClients: (content: readonly ClientMetadata[] | string) => void
  /** As SIGHUP does. */
  readonly hangUp: () => void
}

const start = Date.UTC(2026, 11, 1, 12)
export const testSecret = 'the secret of the tests of the authorization server'

// anyone who imports this has a clock that stands still from the first server of a test to the end of that test
afterEach(() => vi.useRealTimers())

export async function startAuthServer(options: AuthServerOptions = {}): Promise<AuthServer> {
  if (!vi.isFakeTimers()) vi.useFakeTimers({ toFake: ['Date'], now: start })
  for (;;) {
    try {
      return await openAuthServer(options.port ?? (await freePort()), options)
    } catch (error) {
      // another test file was faster to take the port
      if (options.port || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

async function openAuthServer(port: number, options: AuthServerOptions): Promise<AuthServer> {
  const { environment = {}, clients = staticClients, wrapStore = (store) => store } = options
  await using resources = new AsyncDisposableStack()
  const dataDir = options.dataDir ?? resources.adopt(createDataDir(), removeDataDir)
  const clientsFile = join(dataDir, 'clients.json')
  const writeClients = (content: readonly ClientMetadata[] | string) =>
    writeFileSync(clientsFile, typeof content === 'string' ? content : JSON.stringify(content))
  writeClients(clients)
  if (typeof clients !== 'string')
    for (const { client_secret: secret } of clients) evidence.plant('client_secret', secret)

  const issuer = `http://localhost:${port}`
  const env = {
    AUTH_ISSUER: issuer,
    DATA_DIR: dataDir,
    AUTH_CLIENTS_FILE: clientsFile,
    AUTH_SECRET: testSecret,
    AUDIT_TO: 'stdout',
    // a test that waits for an answer says so
    AUTH_HOLD_SECONDS: '0',
    ...environment,
  }
  const config = readConfig(env)
  const sealing = createSealing({ secret: testSecret })
  const path = options.dataDir ? join(dataDir, 'auth.sqlite') : ':memory:'
  const onTampered = (what: unknown) => evidence.log(`tampered: ${JSON.stringify(what)}`)
  const clock = () => Date.now()
  const sqlite = resources.use(openSqliteStore({ path, sealing, clock, onTampered }))
  await putIdTokenKeys(sqlite.documents)
  const store = wrapStore(sqlite)
  const { logger, log } = createCapturedLog()
  const metrics = createMetrics({ ofProcess: false })
  const audited: string[] = []
  const logStream = {
    write(line: string) {
      audited.push(line)
      evidence.log(line)
    },
  }
  const listeners = new Set<() => void>()
  const reload = reloadSource(env, config, (run) => {
    listeners.add(run)
    return () => listeners.delete(run)
  })
  const app = await createApp({ config, store, sealing, clock, logger, metrics, reload, logStream })
  resources.defer(() => app.close())
  await app.listen({ host: '127.0.0.1', port })
  const http = resources.use(createHttp(port, new URL(issuer).host))
  const owned = resources.move()

  return {
    issuer,
    port,
    config,
    app,
    store,
    log,
    audit: () => audited.map((line) => auditLine.parse(JSON.parse(line))),
    metrics: async () => (await metrics.read()).text,
    ...createVerbs(http),
    elapse: (seconds) => vi.setSystemTime(Date.now() + seconds * 1000),
    openBrowser: ({ headers = {} } = {}) => createBrowser({ issuer, http, headers }),
    writeClients,
    hangUp() {
      for (const run of listeners) run()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** As if the server had made them at its first start: see id-token-keys.setup.ts. */
async function putIdTokenKeys(documents: DocumentStore): Promise<void> {
  const iat = Date.now() / 1000
  const keys = inject('idTokenKeys').map((key, index) => ({ ...key, iat, signs_from: iat + (index + 1) * 7_776_900 }))
  await documents.putIfAbsent('signing-keys-rs256', { alg: 'RS256', keys, removed: [] })
}

function createVerbs(http: Http): Pick<AuthServer, 'get' | 'post' | 'request' | 'token' | 'register'> {
  const post: AuthServer['post'] = (path, body, headers = {}) => {
    if (typeof body === 'string' || Buffer.isBuffer(body)) return http.exchange({ method: 'POST', path, headers, body })
    plantFields(body)
    const form = { 'content-type': 'application/x-www-form-urlencoded', ...headers }
    return http.exchange({ method: 'POST', path, headers: form, body: encodeForm(body) })
  }
  return {
    get: (path, headers = {}) => http.exchange({ method: 'GET', path, headers }),
    post,
    request: (exchange) => http.exchange(exchange),
    token: (fields, headers) => post('/token', fields, headers),
    register: (metadata, headers = {}) =>
      post('/register', JSON.stringify(metadata), { 'content-type': 'application/json', ...headers }),
  }
}

function createCapturedLog() {
  const lines: string[] = []
  const logger = createLogger('trace', {
    write(line) {
      lines.push(line)
      evidence.log(line)
    },
  })
  return { logger, log: () => lines.join('') }
}

/** A place for a store that outlives its server; the caller removes it. */
export function createDataDir(): string {
  return mkdtempSync(join(tmpdir(), 'gatehouse-auth-'))
}

function removeDataDir(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true })
}

const secretFields = new Set(['code', 'code_verifier', 'device_code', 'refresh_token', 'client_secret'])

function plantFields(fields: Fields): void {
  const pairs = Array.isArray(fields) ? fields : Object.entries(fields)
  for (const [name, value] of pairs) if (secretFields.has(name)) evidence.plant(name, value)
}
