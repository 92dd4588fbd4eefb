// The gateway, wired: upstreams, their catalog, the relay. It is served as a source of our own is, see ../mcp/served.ts.
import { upstreamTroublesMember } from '@gatehouse/shared'
import type { Implementation } from '@modelcontextprotocol/server'
import { memberOf, nameIn } from '../mcp/message.ts'
import { policy as ownPolicy } from '../mcp/policy.ts'
import type { Message, Operations, Served, ServedRequest } from '../mcp/served.ts'
import type { Source, ToolTerms } from '../sources/source.ts'
import { createAdmission } from './admission.ts'
import type { Catalog, EndpointDescription } from './catalog/contract.ts'
import { type Limits, refusalFor } from './limits/limits.ts'
import type { Outcomes } from './outcomes.ts'
import { isCounted, scopesFor } from './policy.ts'
import { createRecent } from './recent.ts'
import { behalfOf, type Client } from './relay/client.ts'
import { createForward, mostRounds, type State } from './relay/forward.ts'
import { createNews } from './relay/news.ts'
import { createRelay } from './relay/relay.ts'
import { createRootsChanged, rootsChanged } from './relay/roots-changed.ts'
import { createSeals } from './relay/seal.ts'
import { createRelayServer } from './relay/server.ts'
import { createSharedServers } from './relay/shared-servers.ts'
import { createTaskIds, namesTask } from './relay/tasks.ts'
import type { ParkedElsewhere } from './replicas/parked-elsewhere.ts'
import { createGate } from './rules/gate.ts'
import { createThings, resourceOf } from './rules/things.ts'
import type { GatewayRules } from './settings.ts'
import {
  type Era,
  type Json,
  type Members,
  type Owner,
  type Request,
  RpcError,
  type Upstream,
} from './upstreams/contract.ts'
import { createVariants } from './variants.ts'

/** What may change is read each time; `upstreams` is the same list all the time. */
export interface GatewayOptions {
  readonly identity: Implementation
  /** The resource that it stands behind. */
  readonly resource: string
  readonly issuer: string
  /** Of the issuer and of all endpoints: no upstream sends people there. */
  readonly ownOrigins: readonly string[]
  readonly development: boolean
  /** Those of this endpoint, which are not closed with it. */
  readonly upstreams: readonly Upstream[]
  readonly catalog: Catalog
  readonly rules: () => GatewayRules
  readonly limits: Limits
  readonly outcomes: Pick<Outcomes, 'troubles'>
  /** The demonstration, where it is one of the upstreams. */
  readonly builtin: Source | undefined
  readonly parked: number
  /** Whether what is not pinned is withheld. */
  readonly arePinsEnforced: boolean
  readonly elsewhere: ParkedElsewhere | undefined
  readonly secrets: readonly [string, ...string[]]
  readonly onerror: (error: Error) => void
  readonly onFault: (upstream: string, error: Error) => void
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

/** Callers of whom it is known what they were told. */
const mostCallers = 10_000

interface Told {
  readonly description: EndpointDescription
  readonly capabilities: Members
}

/** Milliseconds without a request after which a session of the 2025 era hears no more. */
const quiet = { lists: 300_000, subscriptions: 3_600_000 }

/** `parked`: calls that wait for an answer of a person. */
export function createGateway(options: GatewayOptions): Served & { readonly parked: () => number } {
  const { identity, resource, issuer, upstreams, catalog, limits, clock, onerror, onFault } = options
  const seals = createSeals({ secrets: options.secrets, clock })
  const tasks = createTaskIds(seals)
  const gate = createGate({ endpoint: resource, settings: options.rules })
  const things = createThings({ catalog, tasks })
  const admission = createAdmission({ catalog, gate, things, upstreams, now: options })
  const forward = createForward({
    seals,
    get ownOrigins() {
      return options.ownOrigins
    },
    get development() {
      return options.development
    },
    get named() {
      return upstreams.length > 1
    },
    shownTasks: (params, { owner, tool }, { settings }) =>
      namesTask(params) ? tasks.shown(params, owner, settings.name, tool) : params,
    upstreamOf: (name) => upstreams.find(({ settings }) => settings.name === name),
    elsewhere: options.elsewhere,
    get parked() {
      return options.parked
    },
    clock,
  })
  /** A state means nothing in a request of the 2025 era: it is a call of its own. So is one more of very many rounds. */
  const goesOnWith = ({ era, owner }: Client, state: unknown): string | undefined => {
    if (era !== '2026' || typeof state !== 'string') return undefined
    const opened = seals.open('state', owner, state) as State | undefined
    const isOver = opened?.kind === 'upstream' && opened.rounds > mostRounds
    return opened && !isOver ? state : undefined
  }
  const relay = createRelay({
    catalog,
    upstreams,
    forward,
    tasks,
    gate,
    limit: (tool, client) => limits.call(tool, client.owner, goesOnWith(client, client.requestState)),
    onFault,
  })
  const news = createNews({
    catalog,
    isOpenTo: (found, behalf) => (gate.decide(resourceOf(found), behalf, {})?.kind ?? 'allowed') === 'allowed',
    onerror,
    quiet,
  })
  const tellRootsChanged = createRootsChanged({ upstreams, gate, onerror })
  /** What callers were told last, and what they said of themselves: a server is made without waiting. */
  const told = createRecent<Told>(mostCallers)

  const toldKey = ({ caller }: ServedRequest, era: Era) => JSON.stringify([caller.subject, caller.clientId, era])

  function descriptionFor(request: ServedRequest): EndpointDescription {
    const eras: readonly Era[] = request.session ? ['2025', '2026'] : ['2026', '2025']
    return (
      eras.map((era) => told.get(toldKey(request, era))).find((one) => one !== undefined)?.description ?? nothingKnown
    )
  }

  function ownerOf({ caller, session }: ServedRequest): Owner {
    return { endpoint: resource, issuer, subject: caller.subject, clientId: caller.clientId, session: session?.key }
  }

  const variants = createVariants(clock)
  const capabilitiesOf = (owner: Owner, said: unknown): Members =>
    typeof said === 'object' && said !== null ? variants(owner, said as Members) : {}

  /** Of a message that has not come to a server yet. */
  function clientIn({ method, params }: Message, request: ServedRequest): Client {
    const meta: Json = (params as Members | undefined)?._meta ?? {}
    const isModern = typeof meta[`${envelope}protocolVersion`] === 'string' || method === 'subscriptions/listen'
    const capabilities = isModern ? meta[`${envelope}clientCapabilities`] : (params as Json)?.capabilities
    const owner = ownerOf(request)
    return {
      owner,
      granted: request.caller,
      note: request.note,
      era: isModern ? '2026' : '2025',
      capabilities: capabilitiesOf(owner, capabilities),
      headers: request.headers,
      logLevel: undefined,
      progressToken: undefined,
      signal: new AbortController().signal,
      hear: () => undefined,
      ask: undefined,
      requestState: undefined,
      inputResponses: undefined,
      announce: undefined,
    }
  }

  const operations: Operations = {
    async find(message, request) {
      const client = clientIn(message, request)
      const { method = '' } = message
      if (isCounted(message.method, 'id' in message)) {
        const goesOn = goesOnWith(client, memberOf(message.params, 'requestState'))
        const limited = await limits.admit(client.owner, goesOn)
        if (limited) return { ...nothing, method, refusal: refusalFor(limited) }
      }
      if (method === 'initialize' || method === 'server/discover' || method === 'subscriptions/listen') {
        const description = await catalog.describe(behalfOf(client), client.era, tellsOf(client))
        told.set(toldKey(request, client.era), { description, capabilities: client.capabilities })
      }
      const scopes = scopesFor(message.method, 'id' in message)
      // whom it is refused anyhow, with no more words than these, need not be known to any upstream
      const isWorth =
        admission.hasRules || options.builtin !== undefined || scopes.every((scope) => request.caller.scopes.has(scope))
      const called = isWorth ? await admission.called(message, client) : undefined
      const decision = await admission.decide(message, client, called)
      // what is denied is like what is not there
      const found = decision?.kind === 'denied' ? undefined : called
      const terms =
        found?.upstream.settings.transport === 'builtin' ? await termsOf(options.builtin, found.name) : undefined
      const more = decision && 'scopes' in decision ? decision.scopes : []
      return {
        method,
        tool: found && { name: nameIn(message) as string, inputSchema: found.definition.inputSchema },
        staysOpen: method === 'subscriptions/listen' || terms?.isLong === true,
        scopes: [...new Set([...(terms?.scopes ?? scopes), ...more])],
        isOpenTo: !terms || ownPolicy.mayCall(terms, request.caller),
      }
    },
  }

  async function handle(request: Request, client: Client, session: ServedRequest['session']): Promise<Members> {
    const { method, params } = request
    if (session && client.era === '2025') {
      news.used(session, behalfOf(client))
      const uri = params?.uri
      if (method === 'resources/unsubscribe') {
        news.unsubscribe(session, uri)
        return {}
      }
      if (method === 'resources/subscribe' && typeof uri === 'string') {
        const found = await catalog.findResource(uri, behalfOf(client))
        if (found && gate.shows(resourceOf(found), client)) {
          if (news.subscribe(session, uri, found, behalfOf(client))) return {}
          throw new RpcError(
            -32_602,
            'This session has as many subscriptions as it may have, or the address is too long',
          )
        }
      }
    }
    const result = await relay.handle(request, client)
    return method === 'tools/list' ? withTroubles(result, client) : result
  }

  const serving = {
    identity,
    ownerOf,
    capabilitiesOf,
    handle: (incoming: Request, client: Client, { session }: ServedRequest) => handle(incoming, client, session),
    onerror,
  }
  const sharedFor = createSharedServers(serving)

  /** Who can do nothing with an upstream does not hear of it. */
  function tellsOf(client: Client): (upstream: Upstream) => boolean {
    return ({ settings }) => gate.mayUse(settings.name, client)
  }

  /** Where something is wrong behind us, anyone who asks what there is is told: `doctor` does. */
  function withTroubles(result: Members, client: Client): Members {
    const troubles = options.outcomes.troubles(upstreams.filter(tellsOf(client)), behalfOf(client))
    if (troubles.length === 0) return result
    return { ...result, _meta: { ...result._meta, [upstreamTroublesMember]: troubles } }
  }

  return {
    operations,
    parked: () => forward.parked,

    createServer(request) {
      return createRelayServer({ ...serving, servedOf: () => request, description: descriptionFor(request) })
    },

    sharedServer: (request) => sharedFor(descriptionFor(request)),

    events: (request, message) => news.busFor(behalfOf(clientIn(message, request)), subscribedIn(message)),

    notified(request, { method, params }) {
      if (method !== rootsChanged) return
      // what it declared says whose connections are its own
      const { capabilities } = told.get(toldKey(request, '2025')) ?? {}
      const client = { ...clientIn({ method }, request), ...(capabilities && { capabilities }) }
      tellRootsChanged(params as Members | undefined, behalfOf(client))
    },

    ended: (key) => news.ended(key),

    async close() {
      news.close()
      forward.close()
    },
  }
}

/** Of a request that is not gone into. */
const nothing = { tool: undefined, staysOpen: false, scopes: [], isOpenTo: false } as const

/** Before the first client was told anything: what every MCP server may have. */
const nothingKnown: EndpointDescription = {
  capabilities: {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true },
    logging: {},
  },
  instructions: undefined,
}

const envelope = 'io.modelcontextprotocol/'

/** The resources that a client wants to hear of, as far as its request is one: the SDK judges it. */
function subscribedIn({ params }: Message): readonly string[] {
  const uris = memberOf(memberOf(params, 'notifications'), 'resourceSubscriptions')
  return Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : []
}

async function termsOf(source: Source | undefined, name: string): Promise<ToolTerms | undefined> {
  return (await source?.listTools())?.find(({ definition }) => definition.name === name)?.terms
}
