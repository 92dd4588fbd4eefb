// Both services, each behind a recorder of what agents send; tokens that soon expire.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePorts, startStack } from '@gatehouse/testing'
import type { ClientFixture } from '../clients/fixture.ts'
import { type Exchange, startRecorder } from '../harness/recorder.ts'
import { installAgents } from './programs.ts'
import { openRealNames } from './real-names.ts'
import { createTranscript, type Transcript } from './transcript.ts'

const accessTokenSeconds = 5
/** An MCP server forgives a token as much after its end. */
const forgivenSeconds = 30

export interface AgentSite extends AsyncDisposable {
  readonly issuer: string
  readonly resource: string
  /** Where the agents' commands are. */
  readonly programs: string
  readonly folder: (name: string) => string
  readonly transcript: Transcript
  /** In the order in which their answers ended. */
  readonly exchanges: readonly Exchange[]
  readonly logs: () => string
  /** When the newest access token has expired, to everybody. */
  readonly untilExpired: () => Promise<void>
}

export interface AgentSiteOptions {
  /** For {@link openRealNames}. */
  readonly documents?: Readonly<Record<string, ClientFixture>>
  /** More for the authorization server. */
  readonly env?: Readonly<Record<string, string>>
  /** How long an access token lives, in seconds. */
  readonly accessToken?: number
}

export async function startAgentSite({
  documents = {},
  env = {},
  accessToken = accessTokenSeconds,
}: AgentSiteOptions = {}): Promise<AgentSite> {
  const programs = await installAgents()
  const root = mkdtempSync(join(tmpdir(), 'gatehouse-agents-'))
  await using opening = new AsyncDisposableStack()
  opening.defer(() => rmSync(root, { recursive: true, force: true }))
  const real = Object.keys(documents).length > 0 ? opening.use(await openRealNames(root, documents)) : undefined
  const [auth = 0, mcp = 0] = await freePorts(2)
  const stack = opening.use(
    await startStack({
      services: ['auth'],
      lifetimes: { accessToken },
      hosts: real?.hosts,
      env: {
        auth: { ...real?.env, PORT: String(auth), TRUST_PROXY: '127.0.0.1,::1', AUTH_DEV_LOGIN: 'true', ...env },
        mcp: { PORT: String(mcp) },
      },
    }),
  )
  const transcript = createTranscript()
  const exchanges: Exchange[] = []
  const seen = (exchange: Exchange) => {
    exchanges.push(exchange)
    transcript.passed(exchange)
  }
  opening.use(await startRecorder(Number(new URL(stack.issuer).port), auth, seen))
  opening.use(await startRecorder(Number(new URL(stack.resource).port), mcp, seen))
  await stack.start('mcp')
  const running = opening.move()
  return {
    issuer: stack.issuer,
    resource: stack.resource,
    programs,
    folder: (name) => mkdtempSync(join(root, `${name}-`)),
    transcript,
    exchanges,
    logs: stack.logs,
    untilExpired: () => wait((accessToken + forgivenSeconds + 1) * 1000),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
