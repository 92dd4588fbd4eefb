// An upstream whose connections live at one replica each: a command, HTTP+SSE, a session of Streamable HTTP. Whichever replica
// is asked, the one that holds the connection does it. What needs no connection of its own is done where it is asked for.
import type { ReplicaName, Replicas } from '@gatehouse/replicas'
import { StoreUnavailableError } from '@gatehouse/service'
import type { Clock } from '../catalog/contract.ts'
import { createRecent } from '../recent.ts'
import type { Behalf, Description, Json, Members, Notification, Request, Upstream } from '../upstreams/contract.ts'
import { UpstreamError } from '../upstreams/contract.ts'
import type { PooledUpstream } from '../upstreams/upstream.ts'
import { MovedError, NotBegunError, ReplicaLostError, SilentError } from './call-errors.ts'
import type { Calls } from './calls.ts'
import { createHoldings, type Instance } from './holdings.ts'
import type { Caller, Company } from './parties.ts'

export interface AtHolderOptions {
  readonly replicas: Replicas
  readonly calls: Calls
  /** Of the settings: those with others are another upstream. */
  readonly version: string
  /** How many of this process hold a key: two do while one of them ends. */
  readonly instances: Map<string, Instance>
  readonly clock: Clock
  readonly onerror: (error: Error) => void
}

/** Of a behalf, what others can be told. */
interface Carried extends Pick<Behalf, 'owner' | 'capabilities' | 'headers' | 'progressToken' | 'logLevel'> {
  readonly granted: { readonly scopes: readonly string[]; readonly expiresAt: number }
}

/** Milliseconds that it counts that a server wants no session. */
const verdictLife = 3_600_000
/** Milliseconds that what a holder said of a server is believed. */
const believedFor = 10_000
/**
 * For how many milliseconds it is asked who has it: longer than it takes to know that a replica is gone. Of one who does not
 * answer and may be, not so long.
 */
const patience = 15_000
const silence = 8_000
const again = 100
/** Milliseconds between attempts to listen again. */
const listenAgain = [1_000, 2_000, 5_000, 15_000, 30_000]

export function atHolder(
  upstream: PooledUpstream,
  { replicas, calls, version, instances, clock, onerror }: AtHolderOptions,
): Upstream {
  const { settings } = upstream
  const { name } = settings
  const prefix = `${name}:${version}:`
  const holdings = createHoldings({
    replicas,
    clock,
    isOpen: (key) => upstream.isOpen(key.slice(prefix.length)),
    leaveUnused: () => upstream.reset('unused'),
    onLost: () => void upstream.reset('all').catch(onerror),
    instances,
    onerror,
  })
  /** Whose requests stand alone: when that was seen. */
  const alone = createRecent<number>(10_000)
  /** What holders said of it last: it is asked before each call. */
  const told = createRecent<{ readonly holder: ReplicaName; readonly description: Description; readonly at: number }>(
    1_000,
  )
  const operation = `upstream ${prefix}`
  const closing = new AbortController()
  /** What is done for others. */
  const serving = new Set<Promise<unknown>>()
  const stopServing = calls.serve(operation, (input, caller) => {
    const work = serve(input, caller).finally(() => serving.delete(work))
    serving.add(work)
    return work
  })
  const drain = (): void => void holdings.drain().catch(onerror)
  calls.draining.addEventListener('abort', drain, { once: true })

  /** By what of an upstream the same server answers to: a session is its own to want. */
  function standsAlone(key: string): boolean {
    if (settings.transport === 'builtin') return true
    const seen = settings.transport === 'http' ? alone.get(key) : undefined
    return seen !== undefined && clock.now() - seen < verdictLife
  }

  function seen(key: string, description: Description): Description {
    if (description.hasSession) alone.delete(key)
    else if (settings.transport === 'http') alone.set(key, clock.now())
    return description
  }

  /** Nothing was begun where it is tried again. */
  async function where<T>(
    behalf: Behalf,
    here: (lost: AbortSignal) => Promise<T>,
    there: (holder: ReplicaName) => Promise<T>,
  ): Promise<T> {
    const key = upstream.keyOf(behalf)
    if (standsAlone(key)) return here(new AbortController().signal)
    const begun = clock.now()
    for (;;) {
      if (behalf.signal.aborted) throw new UpstreamError(name, 'timeout', 'The call was cancelled')
      try {
        return await holdings.with(prefix + key, here, there)
      } catch (error) {
        const isElsewhere = error instanceof MovedError || error instanceof NotBegunError
        const isLate = clock.now() - begun >= (error instanceof SilentError ? silence : patience)
        if (!isElsewhere || isLate) throw faultOf(error)
        await new Promise<void>((resolve) => clock.after(again, resolve))
      }
    }
  }

  function faultOf(error: unknown): unknown {
    if (error instanceof StoreUnavailableError)
      return fault('unreachable', `${name} is unavailable: the store does not say which replica has it`)
    if (error instanceof MovedError || error instanceof NotBegunError)
      return fault('unreachable', `${name} is unavailable: the replica that has it does not answer`)
    if (error instanceof ReplicaLostError)
      return fault('interrupted', `The replica that ran the call to ${name} is gone: the call may have run`)
    return error
  }

  const fault = (kind: 'unreachable' | 'interrupted', message: string) =>
    new UpstreamError(name, kind, message, kind === 'unreachable' ? { retryAfter: 1 } : {})

  function ask(holder: ReplicaName, input: Json, behalf: Behalf, company: Company): Promise<Json> {
    return calls.call(holder, operation, { ...input, behalf: carried(behalf) }, company)
  }

  /** For others, if we have it. */
  async function serve(input: Json, caller: Caller): Promise<Json> {
    const behalf = revived(input.behalf, caller)
    const elsewhere = async (): Promise<never> => {
      throw new MovedError()
    }
    return holdings.with(
      prefix + upstream.keyOf(behalf),
      async (lost) => {
        await caller.begin()
        switch (input.does) {
          case 'describe':
            return seen(upstream.keyOf(behalf), await upstream.describe(behalf))
          case 'request':
            return upstream.request(input.request, behalf)
          case 'notify':
            return upstream.notify(input.request, behalf)
          case 'listen':
            return listening(
              behalf,
              input.resources,
              caller.tell,
              AbortSignal.any([caller.signal, calls.draining, closing.signal, lost]),
            )
        }
        throw new Error(`nobody here does ${input.does}`)
      },
      elsewhere,
    )
  }

  function listening(
    behalf: Behalf,
    resources: readonly string[],
    hear: (notification: Notification) => void,
    over: AbortSignal,
  ): Promise<void> {
    return new Promise((resolve) => {
      if (over.aborted) return resolve()
      const stop = upstream.listen(behalf, resources, hear)
      over.addEventListener(
        'abort',
        () => {
          stop()
          resolve()
        },
        { once: true },
      )
    })
  }

  return {
    settings,
    get open() {
      return upstream.open
    },

    async describe(behalf) {
      const key = upstream.keyOf(behalf)
      const there = async (holder: ReplicaName): Promise<Description> => {
        const last = told.get(key)
        if (last?.holder === holder && clock.now() - last.at < believedFor) return last.description
        const description = await ask(holder, { does: 'describe' }, behalf, companyOf(behalf))
        told.set(key, { holder, description, at: clock.now() })
        return description
      }
      return seen(key, await where(behalf, () => upstream.describe(behalf), there))
    },

    request: (request, behalf) =>
      where<Members>(
        behalf,
        () => upstream.request(request, behalf),
        (holder) => ask(holder, { does: 'request', request }, behalf, companyOf(behalf)),
      ),

    notify: (request, behalf) =>
      where<void>(
        behalf,
        () => upstream.notify(request, behalf),
        (holder) => ask(holder, { does: 'notify', request }, behalf, companyOf(behalf)),
      ),

    listen(behalf, resources, hear) {
      const stop = new AbortController()
      const own = { ...behalf, signal: stop.signal }
      void (async () => {
        for (let failures = 0; !stop.signal.aborted; failures += 1) {
          const begun = clock.now()
          const company: Company = { ...companyOf(own), hear }
          await where<void>(
            own,
            (lost) => listening(behalf, resources, hear, AbortSignal.any([stop.signal, lost])),
            (holder) => ask(holder, { does: 'listen', resources }, behalf, company),
          ).catch((error: Error) => void (stop.signal.aborted || onerror(error)))
          if (clock.now() - begun > patience * 2) failures = 0
          await pause(clock, listenAgain[Math.min(failures, listenAgain.length - 1)] ?? 0, stop.signal)
        }
      })()
      return () => stop.abort()
    },

    async close() {
      stopServing()
      closing.abort()
      // what others asked of one that is replaced ends there, too; a process that stops has waited already
      await Promise.race([Promise.allSettled(serving), pause(clock, settings.timeouts.call, calls.draining)])
      calls.draining.removeEventListener('abort', drain)
      // what this replica had goes on at the next one, or here where the file is as it was again; an upstream that is not in the
      // file any more is left by all
      if (calls.draining.aborted || calls.isServed(operation)) await upstream.reset('all')
      await upstream.close()
      await holdings.close()
    },
  }
}

function companyOf({ signal, hear, ask }: Behalf): Company {
  return { signal, hear, ask }
}

function carried({ owner, capabilities, headers, progressToken, logLevel, granted }: Behalf): Carried {
  const { scopes, expiresAt } = granted
  return { owner, capabilities, headers, progressToken, logLevel, granted: { scopes: [...scopes], expiresAt } }
}

function revived({ granted, ...rest }: Carried, caller: Caller): Behalf {
  return {
    ...rest,
    progressToken: rest.progressToken ?? undefined,
    logLevel: rest.logLevel ?? undefined,
    granted: { scopes: new Set(granted.scopes), expiresAt: granted.expiresAt },
    signal: caller.signal,
    hear: (notification) => caller.tell(notification),
    ask: (question: Request) => caller.ask(question),
  }
}

function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = () => {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(milliseconds, end)
    signal.addEventListener('abort', end, { once: true })
  })
}
