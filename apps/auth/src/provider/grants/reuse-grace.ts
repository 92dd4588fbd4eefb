// Refresh tokens and device codes that are presented again. A client whose answer got lost, or several processes that
// share one refresh token, present what was redeemed a moment ago. For a short grace the same client gets the very same
// answer: nobody is logged out, and no second family of tokens comes to life. After it, presenting a used token is theft as
// RFC 9700 §4.14.2 has it, and the engine ends the family.
//
// Correctness rests on one thing: an answer is recorded before it leaves the process, and the first record wins. Whoever
// comes second, on whichever replica, drops what it made and sends what is recorded. The record can be read with the
// presented token alone: it is sealed under a key derived from it.
//
// It does NOT cover authorization codes, which have no second chance by design.

import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { AttemptStore, RecordStore } from '../../store/contract.ts'
import { createSealing } from '../../store/sealing.ts'
import { unavailable } from '../store-errors.ts'
import { AlreadyRedeemedError } from './already-redeemed.ts'

const MODEL = 'RedeemedAnswer'
/** How long a process that redeems may take before another one supposes that it died. Longer than any call to the store. */
const PATIENCE_MS = 1_500
const LOOK_AGAIN_MS = 40

type Handler<Context extends KoaContextWithOIDC> = (ctx: Context) => void | Promise<void>
type Answer = Readonly<Record<string, unknown>>

/** What a request presents, and what its answer depends on besides. */
interface Asked {
  readonly presented: string
  readonly request: string
}

interface Recorded {
  readonly answer: Answer
  /** Hash of what the answer depended on besides the token. */
  readonly request: string
  /** Who got it first, to notice when somebody else asks for it again. */
  readonly from: string
}

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
  /** An answer was given again. `elsewhere`: to another address or program than the first time. */
  readonly onReplay: (replay: { readonly clientId: string; readonly elsewhere: boolean }) => void
}

/** Set while a request repeats a redemption whose process seems to have died: the adapter lets it pass once more. */
const takingOver = new AsyncLocalStorage<true>()

/** Whether the current request may redeem again what was redeemed without an answer. */
export function isTakingOver(): boolean {
  return takingOver.getStore() ?? false
}

export function createReuseGrace({ records, attempts, grace, isAdmitted, onReplay }: ReuseGraceOptions): ReuseGrace {
  return {
    wrap: (handler, parameter) => {
      if (grace === 0) return handler
      return async (ctx) => {
        const asked: Asked = {
          presented: String(ctx.oidc.params?.[parameter] ?? ''),
          request: requestOf(ctx), // before the handler runs, which writes defaults into the parameters
        }
        try {
          await handler(ctx)
        } catch (error) {
          if (!(error instanceof AlreadyRedeemedError)) throw error
          await again(ctx, asked, error, handler)
          return
        }
        await commit(ctx, asked)
      }
    },
  }

  /** Sends what was recorded, or takes over if nothing is, for longer than a living process would need. */
  async function again<Context extends KoaContextWithOIDC>(
    ctx: Context,
    asked: Asked,
    { grantId, accountId }: AlreadyRedeemedError,
    handler: Handler<Context>,
  ): Promise<void> {
    const recorded = await waitForAnswer(ctx, asked)
    if (recorded) return send(ctx, asked, recorded, { grantId, accountId })
    const { allowed } = await attempts.take(
      `take-over:${keyOf(ctx, asked.presented)}`,
      1,
      Math.ceil(PATIENCE_MS / 1000) * 2,
    )
    if (!allowed) {
      const theirs = await waitForAnswer(ctx, asked)
      if (theirs) return send(ctx, asked, theirs, { grantId, accountId })
      // that one died, too. To call it an invalid grant would make the client forget a sign-in that is still good
      throw unavailable()
    }
    await takingOver.run(true, async () => handler(ctx))
    await commit(ctx, asked)
  }

  async function waitForAnswer(ctx: KoaContextWithOIDC, { presented }: Asked): Promise<Recorded | undefined> {
    const until = performance.now() + PATIENCE_MS
    for (;;) {
      const recorded = await find(ctx, presented)
      if (recorded || performance.now() > until) return recorded
      await sleep(LOOK_AGAIN_MS)
    }
  }

  async function commit(ctx: KoaContextWithOIDC, { presented, request }: Asked): Promise<void> {
    const mine: Recorded = { answer: ctx.body as Answer, request, from: originOf(ctx) }
    const key = keyOf(ctx, presented)
    const sealed = sealer(presented).seal(MODEL, clientIdOf(ctx), mine).toString('base64')
    if (await records.create(MODEL, key, { sealed }, grace)) return
    const recorded = await find(ctx, presented)
    if (!recorded) return
    // another request was faster: its answer is the one there is, and the token made here must not live
    await (ctx.oidc.entities.RefreshToken as { destroy?: () => Promise<void> } | undefined)?.destroy?.()
    ctx.body = recorded.answer
  }

  async function find(ctx: KoaContextWithOIDC, presented: string): Promise<Recorded | undefined> {
    const record = await records.find(MODEL, keyOf(ctx, presented))
    if (!record) return undefined
    return sealer(presented).open(
      MODEL,
      clientIdOf(ctx),
      Buffer.from(String(record.payload.sealed), 'base64'),
    ) as Recorded
  }

  async function send(
    ctx: KoaContextWithOIDC,
    { request }: Asked,
    recorded: Recorded,
    { grantId, accountId }: Pick<AlreadyRedeemedError, 'grantId' | 'accountId'>,
  ): Promise<void> {
    // thrown here rather than by the engine, which would take it for theft and end the family
    if (recorded.request !== request) throw new errors.InvalidGrant('it was redeemed with other parameters')
    const grant = grantId ? await ctx.oidc.provider.Grant.find(grantId) : undefined
    if (!grant || grant.isExpired) throw new errors.InvalidGrant('the grant was revoked, or it is over')
    if (!accountId || !(await isAdmitted(accountId)))
      throw new errors.InvalidGrant('the account may not sign in any more')
    onReplay({ clientId: clientIdOf(ctx), elsewhere: recorded.from !== originOf(ctx) })
    ctx.body = recorded.answer
  }
}

/** The presented token is the secret: whoever has the store alone, or our own secret besides, cannot open an answer. */
function sealer(presented: string) {
  return createSealing({ secret: presented })
}

function keyOf(ctx: KoaContextWithOIDC, presented: string): string {
  return digest([clientIdOf(ctx), presented])
}

function requestOf(ctx: KoaContextWithOIDC): string {
  const { scope, resource } = ctx.oidc.params ?? {}
  return digest([scope ?? null, resource ?? null])
}

function originOf(ctx: KoaContextWithOIDC): string {
  return digest([ctx.ip, ctx.get('user-agent')])
}

function clientIdOf(ctx: KoaContextWithOIDC): string {
  return ctx.oidc.client?.clientId ?? ''
}

function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}
