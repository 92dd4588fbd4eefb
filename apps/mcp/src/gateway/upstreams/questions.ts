// What an upstream asks us in the middle of a call: whom it is for, how many of them wait, and when nobody waits any more.
import { type Behalf, type Request, RpcError } from './contract.ts'

export interface PeerCall {
  readonly behalf: Behalf
  /** Questions wait for one another. */
  asking: Promise<unknown>
  /** Of progress: silence begins again. */
  beat(): void
  /** While a question is open it is not the upstream that is silent. Returns what ends that. */
  hold(): () => void
  /** Aborted when the call is over. */
  readonly over: AbortSignal
}

export type Asked = Request & { readonly id: string | number }

export interface QuestionsOptions {
  /** What is asked where a question names no call. */
  lastCall(): PeerCall | undefined
  /** `response`: with the id of the question. */
  reply(response: object): Promise<void>
  onerror(error: Error): void
}

export interface Questions {
  answer(question: Asked): Promise<void>
  /** The upstream does not want it answered any more. */
  cancel(id: string | number): void
}

/** Of one connection: those that wait to be put, and characters of each. */
const mostAsked = 20
const longestQuestion = 1_048_576
/** Answers of ours that are on their way. */
const mostReplies = 40

export function createQuestions({ lastCall, reply: send, onerror }: QuestionsOptions): Questions {
  const asked = new Map<string | number, AbortController>()
  let replying = 0

  async function answer({ id, method, params }: Asked): Promise<void> {
    // what is not taken is not answered for ever: an upstream may ask faster than it reads
    if (replying >= mostReplies) return
    if (method === 'ping') return reply({ id, result: {} })
    const call = lastCall()
    if (!call)
      return reply({ id, error: { code: -32_601, message: 'Nobody is there to be asked: no call is under way' } })
    if (asked.has(id)) return reply({ id, error: { code: -32_600, message: 'This id is in use' } })
    if (JSON.stringify(params ?? null).length > longestQuestion)
      return reply({ id, error: { code: -32_600, message: 'The question is too long' } })
    if (asked.size >= mostAsked)
      return reply({ id, error: { code: -32_603, message: `${mostAsked} questions wait already` } })
    const cancelled = new AbortController()
    asked.set(id, cancelled)
    const turn = call.asking.then(async () => {
      const release = call.hold()
      try {
        if (cancelled.signal.aborted) return
        // one whose call is over is not waited for: nobody may ever answer it
        const ended = AbortSignal.any([cancelled.signal, call.over])
        const result = await Promise.race([call.behalf.ask({ method, params }), rejectOn(ended)])
        await reply({ id, result })
      } catch (error) {
        if (cancelled.signal.aborted) return
        const { code, message, data } =
          error instanceof RpcError ? error : new RpcError(-32_603, 'The question could not be put')
        await reply({ id, error: { code, message, ...(data !== undefined && { data }) } })
      } finally {
        asked.delete(id)
        release()
      }
    })
    call.asking = turn.catch(onerror)
  }

  async function reply(response: object): Promise<void> {
    replying += 1
    await send(response)
    replying -= 1
  }

  return { answer, cancel: (id) => asked.get(id)?.abort() }
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
