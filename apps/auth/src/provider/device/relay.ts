// The relay of GitHub's device flow: for a client that the operator marked, a person goes straight to GitHub's page
// with GitHub's code, we poll GitHub when the client polls us, and issue our own tokens.
//
// GitHub's device code never leaves the server. The client's device code is ours and bound to it as always. No browser
// session is ever opened: anyone who relays GitHub's code to somebody else gains nothing beyond this one client's token
// (and that much phishing the flow cannot prevent, which is why it is off unless an operator asks for it).
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider'
import type { Accounts } from '../../accounts/accounts.ts'
import { StoreUnavailableError } from '../../errors.ts'
import type { GitHubDeviceLogin, GitHubPoll } from '../../identity/github-device.ts'
import { LoginFailedError } from '../../identity/identity.ts'
import type { Clock, Payload, Store } from '../../store/contract.ts'
import { wireErrors } from '../../wire-errors.ts'
import { githubDeviceFlow, isOperatorRegistered } from '../clients/own-metadata.ts'
import type { GrantBook } from '../people/connected-apps.ts'
import type { Decisions } from '../people/decisions.ts'
import { deviceFacts } from '../people/facts.ts'
import { type RequestParameters, requestedAccess } from '../people/requested-access.ts'
import type { ResourcePolicy } from '../resources.ts'
import { flowOf, requestFacts, type WriteEvent } from '../security-events.ts'

const model = 'GitHubDeviceCode'

type PollRequest = Parameters<typeof requestFacts>[0]

export interface DeviceRelay {
  /** Replaces the answer of the device authorization endpoint, for a client that is relayed. */
  begin(ctx: KoaContextWithOIDC): Promise<void>
  /** How long this code's client waits between polls, in seconds; undefined if the code is not relayed. */
  interval(deviceCode: string): Promise<number | undefined>
  /** Asks GitHub. Returns the code's payload as it is now, or throws what the poll gets. `by` is the poll. */
  poll(deviceCode: string, payload: Payload, by: PollRequest): Promise<Payload>
}

export interface DeviceRelayOptions {
  readonly github: GitHubDeviceLogin
  readonly store: Store
  readonly accounts: Accounts
  readonly resources: ResourcePolicy
  readonly grants: GrantBook
  readonly decisions: Decisions
  readonly clock: Clock
  readonly provider: () => Provider
  readonly log: (failure: LoginFailedError) => void
  readonly onSecurityEvent: WriteEvent
}

interface RelayedCode {
  readonly deviceCode: string
  readonly interval: number
}

export function createDeviceRelay({
  github,
  store,
  accounts,
  resources,
  grants,
  decisions,
  clock,
  provider,
  log,
  onSecurityEvent,
}: DeviceRelayOptions): DeviceRelay {
  const find = async (deviceCode: string) =>
    (await store.records.find(model, deviceCode))?.payload as (RelayedCode & Payload) | undefined

  const decide = async (id: string, payload: Payload, change: Payload): Promise<Payload> => {
    const decided = { ...payload, ...change }
    const grantId = change.grantId as string | undefined
    await store.deviceCodes.update(id, decided, {
      userCode: payload.userCode as string,
      phase: 'decided',
      owner: model,
      ...(grantId && { grantId }),
    })
    await store.records.destroy(model, id)
    return decided
  }

  const refuse = async (id: string, payload: Payload, by: PollRequest, subject?: string): Promise<never> => {
    onSecurityEvent({
      event: 'device_refused',
      outcome: 'refused',
      decision: 'deny',
      ...(subject !== undefined && { reason: 'rules', subject }),
      ...requestFacts(by),
      flow: flowOf(id),
      client: String(payload.clientId),
      login: 'github',
    })
    await decide(id, payload, { error: 'access_denied', errorDescription: 'the person was not let in' })
    throw new errors.AccessDenied('the person was not let in')
  }

  return {
    async begin(ctx) {
      const code = ctx.oidc.entities.DeviceCode
      const body = ctx.body as Record<string, unknown>
      const { client } = ctx.oidc
      if (!code?.jti || !client || !isOperatorRegistered(client) || !(client as unknown as Payload)[githubDeviceFlow])
        return
      try {
        const theirs = await github.begin()
        const expiresIn = Math.min(Number(body.expires_in), theirs.expires_in)
        await store.records.put(
          model,
          code.jti,
          { deviceCode: theirs.device_code, interval: theirs.interval },
          expiresIn * 1000,
        )
        const { verification_uri_complete: _, ...answer } = body
        ctx.body = {
          ...answer,
          user_code: theirs.user_code,
          verification_uri: theirs.verification_uri,
          expires_in: expiresIn,
          interval: theirs.interval,
        }
      } catch (error) {
        if (error instanceof LoginFailedError) log(error)
        else if (!(error instanceof StoreUnavailableError)) throw error
        const { status, error: code, description } = wireErrors.upstreamAway
        ctx.status = status
        ctx.body = { error: code, error_description: description }
      }
    },

    interval: async (deviceCode) => (await find(deviceCode))?.interval,

    async poll(id, payload, by) {
      const relayed = await find(id)
      if (!relayed) return payload
      let answer: GitHubPoll
      try {
        answer = await github.poll(relayed.deviceCode)
      } catch (error) {
        if (!(error instanceof LoginFailedError)) throw error
        log(error)
        return payload
      }
      switch (answer.outcome) {
        case 'pending':
          return payload
        case 'slow_down':
          await slowDown(id, relayed, answer.interval)
          throw new errors.SlowDown('GitHub asks for more patience')
        case 'expired':
          throw new errors.ExpiredToken('the code at GitHub has expired')
        case 'denied':
          return refuse(id, payload, by)
        case 'signed_in': {
          const { identity } = answer
          if (!(await accounts.admit(identity))) return refuse(id, payload, by, identity.subject)
          const client = await provider().Client.find(String(payload.clientId))
          if (!client) return refuse(id, payload, by)
          const access = requestedAccess(payload.params as RequestParameters, resources, client)
          const who = { accountId: identity.subject, clientId: client.clientId }
          const origin = { name: client.clientName, device: deviceFacts(payload.deviceInfo, provider().issuer) }
          // polled twice at once: it is one approval, and one grant
          const grantId = await decisions.approve(`${id}:${model}`, identity.subject)
          if (grantId === undefined) return payload
          await grants.add(grantId, who, access, origin)
          onSecurityEvent({
            event: 'device_approved',
            outcome: 'ok',
            decision: 'allow',
            ...requestFacts(by),
            flow: flowOf(id),
            grant: grantId,
            subject: identity.subject,
            name: identity.label,
            login: 'github',
            client: client.clientId,
            ...(client.clientName && { clientName: client.clientName }),
            ...(access.resource && { endpoint: access.resource.resource }),
            scopes: [...access.scopes],
          })
          return decide(id, payload, {
            accountId: identity.subject,
            grantId,
            authTime: Math.floor(clock() / 1000),
            ...(access.resource && { resource: access.resource.resource }),
            scope: [...access.engineScopes, ...access.scopes].join(' '),
          })
        }
      }
    },
  }

  async function slowDown(id: string, relayed: RelayedCode, interval: number | undefined): Promise<void> {
    const record = await store.records.find('DeviceCode', id)
    const remaining = Number(record?.payload.exp ?? 0) - Math.floor(clock() / 1000)
    if (remaining > 0)
      await store.records.put(model, id, { ...relayed, interval: interval ?? relayed.interval + 5 }, remaining * 1000)
  }
}
