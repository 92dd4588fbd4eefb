// The human steps' view of the engine: what is pending, and the few things a person can do about it.
//
// This folder is what the engine knows of people: answers, approvals, sign-outs. Who they are is for ../../accounts to say, and
// how they are asked is in ../../interactions.
import { personalScopes, type TraceContext } from '@gatehouse/shared'
import { errors, type Interaction, type Provider } from 'oidc-provider'
import type { Accounts } from '../../accounts/accounts.ts'
import { InteractionGoneError } from '../../errors.ts'
import type { DeviceRequest, Exchange, InteractionGate } from '../../interactions/gate.ts'
import { showUserCode } from '../../user-codes.ts'
import { groupsClaim, type ResourcePolicy } from '../resources.ts'
import { flowOf } from '../security-events.ts'
import type { GrantBook } from './connected-apps.ts'
import type { Decisions } from './decisions.ts'
import { appFacts, describeRedirect, deviceFacts, deviceTrace, resourceFacts } from './facts.ts'
import type { OwnPages } from './own-page.ts'
import { requestedAccess } from './requested-access.ts'

export interface InteractionGateOptions {
  readonly provider: () => Provider
  readonly resources: ResourcePolicy
  readonly accounts: Accounts
  readonly grants: GrantBook
  readonly decisions: Decisions
  readonly ownPages: OwnPages
}

export function createInteractionGate(options: InteractionGateOptions): InteractionGate {
  const { provider, resources, accounts, grants, decisions, ownPages } = options
  const load = async ({ request, response }: Exchange): Promise<Interaction> => {
    try {
      return await provider().interactionDetails(request, response)
    } catch (error) {
      if (error instanceof errors.SessionNotFound) throw new InteractionGoneError(error)
      throw error
    }
  }
  const finish = async ({ request, response }: Exchange, result: Parameters<Provider['interactionResult']>[2]) => {
    try {
      return await provider().interactionResult(request, response, result)
    } catch (error) {
      if (error instanceof errors.SessionNotFound) throw new InteractionGoneError(error)
      throw error
    }
  }
  const browserSession = async ({ request, response }: Exchange) =>
    (await provider().Session.get(provider().createContext(request, response) as never)) as BrowserSession
  /** What there is one decision about. A device's request may be open in several tabs, each with an interaction of its own. */
  const requestOf = async (exchange: Exchange, { uid, session, deviceCode }: Interaction): Promise<string> =>
    deviceCode ? `${deviceCode}:${session?.uid ?? (await browserSession(exchange)).uid}` : uid
  const loadUndecided = async (exchange: Exchange): Promise<Interaction> => {
    const interaction = await load(exchange)
    if (await decisions.isMade(await requestOf(exchange, interaction))) throw new InteractionGoneError()
    return interaction
  }

  return {
    async pending(exchange) {
      const interaction = await load(exchange)
      const ownPage = ownPages.pageOf(interaction)
      const flow = flowOf(interaction.deviceCode ?? interaction.cid)
      if (ownPage) return { uid: interaction.uid, flow, step: 'login', ownPage }
      const client = await provider().Client.find(String(interaction.params.client_id))
      if (!client) throw new InteractionGoneError()
      const { resource, scopes, engineScopes } = requestedAccess(interaction.params, resources, client)
      const subject = interaction.session?.accountId
      const { device, trace } = interaction.deviceCode ? await findDevice(provider(), interaction.deviceCode) : {}
      const held = subject ? await findHeldScopes(provider(), interaction, resource?.resource) : undefined
      const step = interaction.prompt.name === 'login' ? 'login' : 'consent'
      const who = step === 'consent' && subject ? { accountId: subject, clientId: client.clientId } : undefined
      const agreed = who && resource?.upstreams && (await grants.agreedUpstreams(who, resource.resource))
      const person = who && resource?.groups?.length ? await accounts.findAdmitted(who.accountId) : undefined
      const redirectUri = interaction.params.redirect_uri
      return {
        uid: interaction.uid,
        flow,
        step,
        app: appFacts(client),
        ...(resource && { resource: resourceFacts(resource), words: resource.words ?? {} }),
        scopes: [...scopes, ...engineScopes.filter((scope) => personalScopes.includes(scope))],
        ...(held && { heldScopes: held }),
        ...(agreed && { agreedUpstreams: agreed }),
        ...groupsClaim(resource, person ? accounts.groupsOf(person) : []),
        ...(subject && { subject }),
        ...(device && { device }),
        ...(trace && { trace }),
        ...(!device && typeof redirectUri === 'string' && { returnsTo: describeRedirect(redirectUri) }),
      }
    },

    async signIn(exchange, subject) {
      const interaction = await loadUndecided(exchange)
      if (ownPages.pageOf(interaction)) return ownPages.signIn(exchange, interaction, subject)
      const session = await browserSession(exchange)
      if (session.accountId && session.accountId !== subject) await signOut(session, interaction)
      return finish(exchange, { login: { accountId: subject } })
    },

    async approve(exchange) {
      const interaction = await load(exchange)
      const accountId = interaction.session?.accountId
      if (interaction.prompt.name !== 'consent' || !accountId) throw new InteractionGoneError()
      // goes on without a grant, and so to the sign-in page
      if (!(await accounts.findAdmitted(accountId))) return { next: await finish(exchange, {}) }
      const client = await provider().Client.find(String(interaction.params.client_id))
      if (!client) throw new InteractionGoneError()
      const access = requestedAccess(interaction.params, resources, client)
      const { deviceCode, params } = interaction
      const { userCode: _, ...device } = deviceCode ? (await findDevice(provider(), deviceCode)).device : {}
      const grantId = await decisions.approve(await requestOf(exchange, interaction), accountId)
      if (grantId === undefined) throw new InteractionGoneError()
      await grants.add(grantId, { accountId, clientId: client.clientId }, access, {
        name: client.clientName,
        ...(access.resource?.upstreams && { upstreams: access.resource.upstreams }),
        ...(deviceCode ? { device } : { returnsTo: describeRedirect(String(params.redirect_uri)) }),
      })
      return { next: await finish(exchange, { consent: { grantId } }), grantId }
    },

    async refuse(exchange) {
      const interaction = await load(exchange)
      if (ownPages.pageOf(interaction)) {
        await interaction.destroy()
        return '/'
      }
      if (!(await decisions.refuse(await requestOf(exchange, interaction)))) throw new InteractionGoneError()
      return finish(exchange, { error: 'access_denied', error_description: 'the person refused' })
    },

    async switchAccount(exchange) {
      const interaction = await loadUndecided(exchange)
      const uid = interaction.session?.uid
      const session = uid ? await provider().Session.findByUid(uid) : undefined
      if (!session) throw new InteractionGoneError()
      Object.assign(interaction, {
        result: undefined,
        lastSubmission: undefined,
        prompt: { name: 'login', reasons: ['switch_account'], details: {} },
      })
      await signOut(session as unknown as BrowserSession, interaction)
      return `/interaction/${interaction.uid}`
    },
  }
}

type BrowserSession = { readonly uid: string; accountId?: string; persist(): Promise<unknown> }

/** Changed in place rather than by the engine's logout, which needs a script: same request, nobody signed in. */
async function signOut(session: BrowserSession, interaction: Interaction): Promise<void> {
  Object.assign(session, { accountId: undefined, loginTs: undefined, authorizations: undefined })
  await session.persist()
  Object.assign(interaction, { session: undefined })
  await interaction.persist()
}

/** What the person that is signed in gave this client for this resource last, if that still stands. */
async function findHeldScopes(
  provider: Provider,
  { session: who, params }: Interaction,
  resource: string | undefined,
): Promise<readonly string[] | undefined> {
  const session = who ? await provider.Session.findByUid(who.uid) : undefined
  const grantId = session?.grantIdFor(String(params.client_id))
  const grant = grantId ? await provider.Grant.find(grantId) : undefined
  if (!grant || grant.isExpired || grant.accountId !== who?.accountId) return undefined
  return [...(resource ? grant.getResourceScope(resource).split(' ') : []), ...grant.getOIDCScope().split(' ')]
}

interface FoundDevice {
  readonly device: DeviceRequest
  readonly trace: TraceContext | undefined
}

async function findDevice(provider: Provider, deviceCode: string): Promise<FoundDevice> {
  const code = await provider.DeviceCode.find(deviceCode, { ignoreSessionBinding: true } as never)
  if (!code?.userCode || code.accountId || code.error) throw new InteractionGoneError()
  const device = {
    userCode: showUserCode(code.userCode),
    askedAt: (code.iat ?? 0) * 1000,
    ...deviceFacts(code.deviceInfo, provider.issuer),
  }
  return { device, trace: deviceTrace(code.deviceInfo) }
}
