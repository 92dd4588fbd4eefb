// Refresh tokens and device codes that are presented again. A client whose answer got lost, or several processes that
// share one refresh token, present what was redeemed a moment ago. For a short grace the same client gets the very same
// answer: nobody is logged out, and no second family of tokens comes to life. After it, presenting a used token is theft as
// RFC 9700 §4.14.2 has it, and the engine ends the family.
//
// Correctness rests on one thing: an answer is recorded before it leaves the process, and the first record wins. Anyone who
// comes second, on whichever replica, drops what it made and sends what is recorded. The record can be read with the
// presented token alone: it is sealed under a key derived from it.
//
// The grace tells nobody anything: adapters/visibility.ts hides until the very end that a token was redeemed, so a request with a fault
// in it gets the same refusal before and in the grace. What is without a fault redeems a token that was not, and that is
// found out. Where the address and the program are both others than at the first use, it is found out at once.
//
// It does NOT cover authorization codes, which have no second chance by design.

import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { networkOf } from '../../limits/network.ts'
import type { AttemptStore, RecordStore } from '../../store/contract.ts'
import { createSealing } from '../../store/sealing.ts'
import { unavailable } from '../engine-errors.ts'
import { AlreadyRedeemedError } from './already-redeemed.ts'
import { endGrant } from './end-grant.ts'
import { OtherClientError } from './other-client.ts'

const model = 'RedeemedAnswer'
/** How long a process that redeems may take before another one supposes that it died. Longer than any call to the store. */
const patienceMs = 1_500
const lookAgainMs = 40
/** For how long a process that took over is the only one. */
const takeOverMs = 4_000

type Handler<Context extends KoaContextWithOIDC> = (ctx: Context) => void | Promise<void>
type Answer = Readonly<Record<string, unknown>>

/** Hashes of where a request came from. */
interface Origin {
  readonly network: string
  readonly agent: string
}

interface Recorded {
  readonly answer: Answer
  /** Who got it first, to notice when somebody else asks for it again. */
  readonly from: Origin
}

type Owner = Pick<AlreadyRedeemedError, 'grantId' | 'accountId'>

export interface ReuseGrace {
  /** Wraps the engine's handler of a grant. `parameter` holds what is redeemed. */
  wrap<Context extends KoaContextWithOIDC>(
    handler: Handler<Context>,
    parameter: 'refresh_token' | 'device_code',
  ): Handler<Context>
}

export interface ReuseGraceOptions {
  readonly records: RecordStore
  readonly attempts: AttemptStore
  /** In seconds; 0 turns it off. */
  readonly grace: number
  /** Whether somebody may still have tokens. */
  readonly isAdmitted: (subject: string) => Promise<boolean>
  /** Whether a token that is presented again from another network and by another program ends the sign-in. */
  readonly endElsewhere: boolean
  /** An answer was asked for again. `elsewhere`: from another network or by another program than the first time. */
  readonly onReplay: (replay: Replay) => void
  /** A token that exists was presented in a request with a fault, which is also how to feel for a token without using it. */
  readonly onFault: (fault: { readonly clientId: string; readonly error: string }) => void
}

export interface Replay {
  readonly clientId: string
  readonly subject: string
  readonly grantId: string
  /** Of the HTTP request. */
  readonly requestId: string
  readonly elsewhere: boolean
  /** The sign-in was ended, rather than the answer given. */
  readonly ended: boolean
}

/** Set while a request repeats a redemption whose process seems to have died: the adapter lets it pass once more. */
const takingOver = new AsyncLocalStorage<true>()

/** Requests that got an answer which was given before. */
const repeated = new WeakMap<object, Pick<Replay, 'elsewhere'>>()

/** Undefined: the answer to this request is its own. */
export function repeatedBy(ctx: object): Pick<Replay, 'elsewhere'> | undefined {
  return repeated.get(ctx)
}

/** Whether the current request may redeem again what was redeemed without an answer. */
export function isTakingOver(): boolean {
  return takingOver.getStore() ?? false
}

export function createReuseGrace(options: ReuseGraceOptions): ReuseGrace {
  const { records, attempts, grace, isAdmitted, endElsewhere, onReplay, onFault } = options
  return {
    wrap: (handler, parameter) => async (ctx) => {
      const presented = String(ctx.oidc.params?.[parameter] ?? '')
      try {
        await handler(ctx)
      } catch (error) {
        if (!(error instanceof AlreadyRedeemedError)) {
          if (presented && isFaultOfRequest(error)) onFault({ clientId: clientIdOf(ctx), error: error.error })
          throw error
        }
        await again(ctx, presented, error, handler)
        return
      }
      if (grace > 0) await commit(ctx, presented)
    },
  }

  /** Sends what was recorded, or takes over if nothing is, for longer than a living process would need. */
  async function again<Context extends KoaContextWithOIDC>(
    ctx: Context,
    presented: string,
    owner: Owner,
    handler: Handler<Context>,
  ): Promise<void> {
    const recorded = await waitForAnswer(ctx, presented)
    if (recorded) return send(ctx, recorded, owner)
    const { allowed } = await attempts.take(`take-over:${keyOf(ctx, presented)}`, 1, takeOverMs)
    if (!allowed) {
      const theirs = await waitForAnswer(ctx, presented)
      if (theirs) return send(ctx, theirs, owner)
      // that one died, too. To call it an invalid grant would make the client forget a sign-in that is still good
      throw unavailable()
    }
    await takingOver.run(true, async () => handler(ctx))
    await commit(ctx, presented)
  }

  async function waitForAnswer(ctx: KoaContextWithOIDC, presented: string): Promise<Recorded | undefined> {
    const until = performance.now() + patienceMs
    for (;;) {
      const recorded = await find(ctx, presented)
      if (recorded || performance.now() > until) return recorded
      await sleep(lookAgainMs)
    }
  }

  async function commit(ctx: KoaContextWithOIDC, presented: string): Promise<void> {
    const mine: Recorded = { answer: ctx.body as Answer, from: originOf(ctx) }
    const key = keyOf(ctx, presented)
    const sealed = sealer(presented).seal(model, clientIdOf(ctx), mine).toString('base64')
    if (await records.create(model, key, { sealed }, grace * 1000)) return
    const recorded = await find(ctx, presented)
    if (!recorded) return
    // another request was faster: its answer is the one there is, and the token made here must not live
    const { RefreshToken: made, Grant: grant } = ctx.oidc.entities
    await (made as { destroy?: () => Promise<void> } | undefined)?.destroy?.()
    await send(ctx, recorded, { grantId: grant?.jti, accountId: grant?.accountId })
  }

  async function find(ctx: KoaContextWithOIDC, presented: string): Promise<Recorded | undefined> {
    const record = await records.find(model, keyOf(ctx, presented))
    if (!record) return undefined
    return sealer(presented).open(
      model,
      clientIdOf(ctx),
      Buffer.from(String(record.payload.sealed), 'base64'),
    ) as Recorded
  }

  async function send(ctx: KoaContextWithOIDC, recorded: Recorded, { grantId, accountId }: Owner): Promise<void> {
    // thrown here rather than by the engine, which would take it for theft and end the family
    const grant = grantId ? await ctx.oidc.provider.Grant.find(grantId) : undefined
    if (!grant || grant.isExpired) throw new errors.InvalidGrant('the grant was revoked, or it is over')
    if (!accountId || !(await isAdmitted(accountId)))
      throw new errors.InvalidGrant('the account may not sign in any more')
    const { network, agent } = originOf(ctx)
    const moved = recorded.from.network !== network
    const other = recorded.from.agent !== agent
    const ended = moved && other && endElsewhere
    if (ended) await endGrant(records, grant.jti)
    const replay = { clientId: clientIdOf(ctx), elsewhere: moved || other, ended }
    onReplay({ ...replay, subject: accountId, grantId: grant.jti, requestId: ctx.get('x-request-id') })
    repeated.set(ctx, replay)
    if (ended) throw new errors.InvalidGrant('it was redeemed from another address by another program')
    ctx.body = recorded.answer
  }
}

/**
 * Whether it was the request rather than the token: refused for its scope or its resource, or for naming another client's
 * token. All of these are thrown once the token was found.
 */
function isFaultOfRequest(error: unknown): error is errors.OIDCProviderError {
  return [OtherClientError, errors.InvalidScope, errors.InvalidTarget, errors.InvalidRequest].some(
    (kind) => error instanceof kind,
  )
}

/** The presented token is the secret: anyone who has the store alone, or our own secret besides, cannot open an answer. */
function sealer(presented: string) {
  return createSealing({ secret: presented })
}

function keyOf(ctx: KoaContextWithOIDC, presented: string): string {
  return digest([clientIdOf(ctx), presented])
}

function originOf(ctx: KoaContextWithOIDC): Origin {
  return { network: digest([networkOf(ctx.ip)]), agent: digest([ctx.get('user-agent')]) }
}

function clientIdOf(ctx: KoaContextWithOIDC): string {
  return ctx.oidc.client?.clientId ?? ''
}

function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}
