// The human steps' view of the engine: what is pending, and the few things a person can do about it.
import ipaddr from 'ipaddr.js'
import { errors, type Interaction, type Provider } from 'oidc-provider'
import { parseScope } from '@gatehouse/shared'
import { InteractionGoneError } from '../errors.ts'
import type { DeviceRequest, InteractionGate, PendingRequest } from '../interactions/gate.ts'
import { isOperatorRegistered } from './clients.ts'
import type { ResourcePolicy } from './resources.ts'

type Exchange = Parameters<InteractionGate['pending']>[0]

export function createInteractionGate(provider: () => Provider, resources: ResourcePolicy): InteractionGate {
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

  return {
    async pending(exchange) {
      const interaction = await load(exchange)
      const client = await provider().Client.find(String(interaction.params.client_id))
      if (!client) throw new InteractionGoneError()
      const { resource, scopes } = requestedAccess(interaction, resources)
      const subject = interaction.session?.accountId
      const device = interaction.deviceCode ? await findDevice(provider(), interaction.deviceCode) : undefined
      const redirectUri = interaction.params.redirect_uri
      return {
        uid: interaction.uid,
        step: interaction.prompt.name === 'login' ? 'login' : 'consent',
        app: { name: client.clientName, clientId: client.clientId, trusted: isOperatorRegistered(client) },
        resource,
        scopes,
        ...(subject && { subject }),
        ...(device && { device }),
        ...(!device && typeof redirectUri === 'string' && { returnsTo: describeRedirect(redirectUri) }),
      }
    },

    signIn: (exchange, subject) => finish(exchange, { login: { accountId: subject } }),

    async approve(exchange) {
      const interaction = await load(exchange)
      const accountId = interaction.session?.accountId
      if (interaction.prompt.name !== 'consent' || !accountId) throw new InteractionGoneError()
      const grant = new (provider().Grant)({ accountId, clientId: String(interaction.params.client_id) })
      const { resource, scopes } = requestedAccess(interaction, resources)
      grant.addResourceScope(resource.url, scopes.join(' '))
      const oidcScopes = [...parseScope(String(interaction.params.scope ?? ''))].filter((scope) => scope === 'openid' || scope === 'offline_access')
      if (oidcScopes.length > 0) grant.addOIDCScope(oidcScopes.join(' '))
      return finish(exchange, { consent: { grantId: await grant.save() } })
    },

    refuse: (exchange) => finish(exchange, { error: 'access_denied', error_description: 'the person refused' }),

    async switchAccount(exchange) {
      const interaction = await load(exchange)
      const uid = interaction.session?.uid
      const session = uid ? await provider().Session.findByUid(uid) : undefined
      if (!session) throw new InteractionGoneError()
      // Changed in place rather than by the engine's logout, which needs a script: same request, nobody signed in.
      Object.assign(session, { accountId: undefined, loginTs: undefined, authorizations: undefined })
      await session.persist()
      Object.assign(interaction, { session: undefined, result: undefined, lastSubmission: undefined, prompt: { name: 'login', reasons: ['switch_account'], details: {} } })
      await interaction.persist()
      return `/interaction/${interaction.uid}`
    },
  }
}

/** The one resource of the request, and what of its scopes is asked for. */
function requestedAccess(interaction: Interaction, resources: ResourcePolicy): Pick<PendingRequest, 'resource' | 'scopes'> {
  const resource = resources.find(String(interaction.params.resource ?? resources.defaultResource))
  if (!resource) throw new InteractionGoneError()
  const requested = parseScope(String(interaction.params.scope ?? ''))
  return {
    resource: { name: resource.name, url: resource.resource },
    scopes: resource.scopes.filter((scope) => requested.has(scope)),
  }
}

async function findDevice(provider: Provider, deviceCode: string): Promise<DeviceRequest> {
  const code = await provider.DeviceCode.find(deviceCode, { ignoreSessionBinding: true } as never)
  if (!code?.userCode || code.accountId || code.error) throw new InteractionGoneError()
  const { ip, ua, askedAt } = (code.deviceInfo ?? {}) as { ip?: string; ua?: string; askedAt?: number }
  return {
    userCode: `${code.userCode.slice(0, 4)}-${code.userCode.slice(4)}`,
    ...(ip && isPublicAddress(ip) && { address: ip }),
    ...(ua && { agent: ua }),
    askedAt: askedAt ?? (code.iat ?? 0) * 1000,
  }
}

/** An address inside somebody's network tells the person nothing and others too much. */
function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast'
}

function describeRedirect(redirectUri: string): NonNullable<PendingRequest['returnsTo']> {
  const url = new URL(redirectUri)
  if (url.protocol === 'https:') return { kind: 'web', host: url.host, formTarget: url.origin }
  if (url.protocol === 'http:') return { kind: 'loopback', formTarget: url.origin }
  return { kind: 'app', scheme: url.protocol.slice(0, -1), formTarget: url.protocol }
}
