// Polls of waiting devices that are held: the answer goes out when the person decides, not when the device asks again.
//
// A wake-up may be lost. So it is watched before the first look, and nothing is answered but after a look: at each piece of
// news and at the end of the hold, which is therefore the most that a lost word costs. While the store is away in the middle
// of a hold, it goes on; at its end it is the store's error. What the store may have noted of a hold that failed is taken back
// as soon as it can be: else the device's next poll, at its interval, would be too fast.
//
// What is held costs memory, and who has a device code may have a poll held. So there are caps, and beyond them each
// poll is answered at once. They are those of one process. Of a code there is one held poll: the store sees to that.
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailableError } from '../../errors.ts'
import type { DeviceCodeOutcome, DeviceCodeStore } from '../../store/contract.ts'

export interface HeldPoll {
  readonly deviceCode: string
  /** Of the code as it was read; absent: whatever it is by now. */
  readonly stamp?: string
  readonly clientId: string
  /** Where it comes from: networkOf(). */
  readonly network: string
  /** Characters of the request, which are kept as long as it is held. */
  readonly size: () => number
  /** Milliseconds until the code expires. */
  readonly life: number
  /** Milliseconds, as RFC 8628 has it. */
  readonly interval: number
  /** Whether the code was decided, or is no more. */
  readonly isDecided: () => Promise<boolean>
  /** Called when it is held. */
  readonly onHeld: () => void
  /** Calls back when nobody waits for the answer any more. Returns how to stop. */
  readonly onHungUp: (run: () => void) => () => void
}

/** `failed`: the store was away when it was asked at the end. */
export type HoldEnd = 'decided' | 'lapsed' | 'drained' | 'hung_up' | 'failed'

export interface HeldPolls {
  /**
   * Resolves when there is something to answer: `early` is `slow_down`. A poll whose device hung up is `undecided`. Where the code
   * is another one than its stamp says, it has `moved`: that came of nothing.
   */
  answer(poll: HeldPoll): Promise<Outcome>
  /** All that are held are answered now, and no more are. */
  drain(): void
  /** How many are held. */
  count(): number
}

export interface HeldPollsOptions {
  readonly deviceCodes: DeviceCodeStore
  /** Milliseconds; 0: none is held. */
  readonly hold: number
  readonly caps?: HoldCaps
  /** Told how each hold ended. */
  readonly onEnd: (end: HoldEnd) => void
  /** Told of each poll for which there was no room. */
  readonly onFull: (cap: keyof HoldCaps) => void
}

type Outcome = 'moved' | 'early' | DeviceCodeOutcome

/** How many polls may be held at once. */
export interface HoldCaps {
  readonly network: number
  readonly client: number
  readonly process: number
}

/** A network has so few codes (limits/matrix.ts); a client may be a program that many people have. */
const holdCaps: HoldCaps = { network: 250, client: 2_500, process: 5_000 }

/** How soon, and how often, it is tried to take a hold back. */
const takeBackMs = 250

/** Of `size`. A poll has a few hundred; with five thousand of the longest ones this process would have no memory. */
const longestRequest = 8_192

export function createHeldPolls(options: HeldPollsOptions): HeldPolls {
  const { deviceCodes, hold, caps = holdCaps, onEnd, onFull } = options
  const ofNetwork = createTally()
  const ofClient = createTally()
  const held = new Set<Waiter>()
  let isDraining = false

  function whatIsFull({ network, clientId }: HeldPoll): keyof HoldCaps | undefined {
    if (held.size >= caps.process) return 'process'
    if (ofClient.of(clientId) >= caps.client) return 'client'
    return ofNetwork.of(network) >= caps.network ? 'network' : undefined
  }

  function note({ deviceCode, stamp, interval }: HeldPoll, patience: number): Promise<Outcome> {
    if (stamp === undefined) return deviceCodes.poll(deviceCode, interval, patience)
    return deviceCodes.pollStamped(deviceCode, stamp, interval, patience)
  }

  async function answerAtOnce(poll: HeldPoll, full: keyof HoldCaps): Promise<Outcome> {
    let outcome: Outcome | undefined
    try {
      outcome = await note(poll, 0)
      return outcome
    } finally {
      if (outcome !== 'moved') onFull(full)
    }
  }

  async function holdOne(poll: HeldPoll, waiter: Waiter): Promise<Outcome> {
    const { deviceCode } = poll
    const patience = Math.min(hold, poll.life)
    const until = performance.now() + patience
    try {
      const first = await note(poll, patience)
      if (first !== 'undecided') return first
      poll.onHeld()
      waiter.endAfter(patience)
      const { end, outcome } = await waitFor(poll, waiter)
      onEnd(end)
      return outcome
    } catch (error) {
      onEnd('failed')
      if (error instanceof StoreUnavailableError) void takeBack(deviceCode, until)
      throw error
    }
  }

  async function takeBack(deviceCode: string, until: number): Promise<void> {
    while (performance.now() < until) {
      await sleep(takeBackMs, undefined, { ref: false })
      const isDone = await deviceCodes.endPoll(deviceCode).then(
        () => true,
        () => false,
      )
      if (isDone) return
    }
  }

  async function waitFor({ deviceCode, isDecided }: HeldPoll, waiter: Waiter): Promise<Ended> {
    for (;;) {
      const end = await waiter.next()
      if (end !== 'news') {
        const outcome = await deviceCodes.endPoll(deviceCode)
        if (end === 'hung_up') return { end, outcome: 'undecided' }
        return { end: outcome === 'decided' ? outcome : end, outcome }
      }
      if (!(await looked(isDecided))) continue
      if (waiter.hasHungUp()) continue
      return { end: 'decided', outcome: 'decided' }
    }
  }

  return {
    async answer(poll) {
      const { deviceCode, network, clientId } = poll
      if (hold === 0 || isDraining || poll.size() > longestRequest) return note(poll, 0)
      const full = whatIsFull(poll)
      if (full) return answerAtOnce(poll, full)
      const waiter = createWaiter()
      held.add(waiter)
      ofNetwork.add(network, 1)
      ofClient.add(clientId, 1)
      const unwatch = deviceCodes.watch(deviceCode, () => waiter.tell('news'))
      const stopListening = poll.onHungUp(() => waiter.tell('hung_up'))
      try {
        return await holdOne(poll, waiter)
      } finally {
        stopListening()
        unwatch()
        waiter.stop()
        held.delete(waiter)
        ofNetwork.add(network, -1)
        ofClient.add(clientId, -1)
      }
    },
    drain() {
      isDraining = true
      for (const waiter of held) waiter.tell('drained')
    },
    count: () => held.size,
  }
}

/** A look in the middle of a hold may fail: there is another one at its end. */
async function looked(isDecided: () => Promise<boolean>): Promise<boolean> {
  try {
    return await isDecided()
  } catch (error) {
    if (error instanceof StoreUnavailableError) return false
    throw error
  }
}

interface Ended {
  readonly end: HoldEnd
  readonly outcome: DeviceCodeOutcome
}

type Word = 'news' | Exclude<HoldEnd, 'decided' | 'failed'>

interface Waiter {
  tell(word: Word): void
  /** What ends a hold comes before news, and comes again and again. */
  next(): Promise<Word>
  hasHungUp(): boolean
  endAfter(time: number): void
  stop(): void
}

function createWaiter(): Waiter {
  let isNews = false
  let end: Exclude<Word, 'news'> | undefined
  let wake: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  const tell = (word: Word) => {
    if (word === 'news') isNews = true
    else if (end !== 'hung_up') end = word
    wake?.()
  }
  return {
    tell,
    async next() {
      if (!end && !isNews) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      if (end) return end
      isNews = false
      return 'news'
    },
    hasHungUp: () => end === 'hung_up',
    endAfter(time) {
      timer = setTimeout(tell, time, 'lapsed')
    },
    stop: () => clearTimeout(timer),
  }
}

function createTally() {
  const counts = new Map<string, number>()
  return {
    of: (key: string) => counts.get(key) ?? 0,
    add(key: string, more: number) {
      const count = (counts.get(key) ?? 0) + more
      if (count > 0) counts.set(key, count)
      else counts.delete(key)
    },
  }
}
