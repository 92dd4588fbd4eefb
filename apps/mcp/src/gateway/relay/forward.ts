// One request to one upstream, in all four pairs of eras. Where both are of the same era it passes; where they are not, what
// differs is how an upstream asks a question: 2025 by a request in the middle of the call, 2026 by a result that the client
// answers with a second call.
import { digest } from '../digest.ts'
import type { ParkedElsewhere, TakenUp } from '../replicas/parked-elsewhere.ts'
import type { Behalf, Era, Members, Request, Upstream, UpstreamRequest } from '../upstreams/contract.ts'
import { RpcError, UpstreamError } from '../upstreams/contract.ts'
import { resultFor } from '../upstreams/envelope.ts'
import { behalfOf, type Client, wantsLog } from './client.ts'
import { type Ongoing, startOngoing, type Turn } from './ongoing.ts'
import { createParked, parkedLife } from './parked.ts'
import { checkedError, type QuestionTerms, questionFor } from './questions.ts'
import type { Seals } from './seal.ts'

/** What may change is read each time. */
export interface ForwardOptions {
  readonly seals: Seals
  readonly ownOrigins: readonly string[]
  readonly development: boolean
  /** More than one upstream: people have to be told which one asks. */
  readonly named: boolean
  /** The same, with tasks called what the client knows them by. */
  readonly shownTasks: (params: Members, client: Pick<Client, 'owner' | 'tool'>, upstream: Upstream) => Members
  /** By its name. */
  readonly upstreamOf: (name: string) => Upstream | undefined
  /** Calls of one caller that wait for an answer at once. */
  readonly parked: number
  /** Where there are other replicas, at which calls may wait as well. */
  readonly elsewhere?: ParkedElsewhere | undefined
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

export interface Forward {
  /** Resolves with what the upstream answered, in the form of the client's era. */
  forward(upstream: Upstream, request: UpstreamRequest, client: Client): Promise<Members>
  /** Calls that wait for an answer. */
  readonly parked: number
  close(): void
}

/** Questions of one call. An upstream that goes on asking makes people answer anything. */
const mostQuestions = 10
/** Results of one call that ask for more, whether there is a question in them or not. */
export const mostRounds = 10
/** Characters that a client may bring back. */
const longestState = 16_384
const invalidParams = -32_602
/** Header mismatch, unsupported version (2026-07-28). */
const ofTheHop = [-32_020, -32_022]
/** Methods whose results may be questions (2026-07-28). */
const askingMethods = ['tools/call', 'prompts/get', 'resources/read']

/** What is sealed for a client of 2026-07-28. `of`: the request that it belongs to. `rounds`: how often it was asked for more. */
export type State =
  | { readonly kind: 'parked'; readonly id: string; readonly of: string; readonly at?: string }
  | {
      readonly kind: 'upstream'
      readonly theirs?: string
      readonly asked: number
      readonly rounds: number
      readonly of: string
    }

export function createForward(options: ForwardOptions): Forward {
  const { seals, clock, elsewhere } = options
  const parked = createParked({ perCaller: () => options.parked, life: parkedLife })
  const stopServing = elsewhere?.serve(async (what, client) => {
    const upstream = options.upstreamOf(what.upstream)
    if (!upstream) throw new RpcError(invalidParams, 'This call waits for no answer (any more): call again')
    return checked(() => takeUp(what, client, upstream), upstream, client)
  })

  async function forward(upstream: Upstream, request: UpstreamRequest, client: Client): Promise<Members> {
    const era = await eraOf(upstream, client)
    if (client.era === '2025') return resultFor(await askOnStream(upstream, request, client), '2025')
    const of = () => digestOf(upstream, request)
    const state = stateOf(client, of)
    if (state?.kind === 'parked') {
      const { id, at } = state
      if (elsewhere && at !== undefined && at !== elsewhere.self)
        return elsewhere.takeUp(at, { id, upstream: upstream.settings.name, of: state.of }, client)
      return takeUp({ id, upstream: upstream.settings.name, of: state.of }, client, upstream)
    }
    if (era === '2026') return passState(upstream, request, client, of, state)
    if (!askingMethods.includes(request.method)) {
      return fromLegacy(upstream, await upstream.request(request, behalfOf(client)))
    }
    const ongoing = startOngoing((running) =>
      upstream.request(request, { ...behalfOf(client), ...runningFor(running, client) }),
    )
    return answerWith(ongoing, ongoing.next(client), { upstream, of, client, asked: 0 })
  }

  /** Client 2025: questions go on the stream of its request, whichever era they come from. */
  async function askOnStream(upstream: Upstream, request: UpstreamRequest, client: Client): Promise<Members> {
    let asked = 0
    const ask = async (question: Request): Promise<Members> => {
      asked += 1
      const shown = judged(question, upstream, client, asked)
      if (!client.ask) throw new RpcError(-32_603, 'The client has no session, so that it cannot be asked')
      return client.ask(shown)
    }
    let sent = request
    for (let round = 0; round <= mostRounds; round += 1) {
      const result = await upstream.request(sent, { ...behalfOf(client), ask })
      if (result.resultType !== 'input_required') return result
      const answers: Record<string, Members> = {}
      for (const [key, question] of Object.entries(questionsIn(upstream, result))) answers[key] = await ask(question)
      const { requestState } = result
      const params = { ...request.params, inputResponses: answers, ...(requestState !== undefined && { requestState }) }
      sent = { ...request, params }
      client.judgeAgain?.()
    }
    throw new RpcError(-32_603, `${upstream.settings.name} asked for more than ${mostRounds} times in one call`)
  }

  /** Both 2026: the questions and the answers pass, the state sealed. */
  async function passState(
    upstream: Upstream,
    request: UpstreamRequest,
    client: Client,
    of: () => string,
    state: Extract<State, { kind: 'upstream' }> | undefined,
  ): Promise<Members> {
    const { inputResponses } = client
    const params = {
      ...request.params,
      ...(inputResponses && { inputResponses }),
      ...(state?.theirs !== undefined && { requestState: state.theirs }),
    }
    const given = resultFor(await upstream.request({ ...request, params }, behalfOf(client)), '2026')
    const result = withCheckedError(given, upstream, client)
    // a task that waits for an answer has questions, too
    const hasQuestions = result.inputRequests !== undefined
    if (!hasQuestions && result.resultType !== 'input_required') return result
    const questions = questionsIn(upstream, result)
    let asked = state?.asked ?? 0
    const inputRequests = Object.fromEntries(
      Object.entries(questions).map(([key, question]) => [key, judged(question, upstream, client, ++asked)]),
    )
    const shown = { ...result, ...(hasQuestions && { inputRequests }) }
    if (result.resultType !== 'input_required') return shown
    const { requestState: theirs } = result
    const rounds = (state?.rounds ?? 0) + 1
    const sealed: State = { kind: 'upstream', of: of(), asked, rounds, ...(typeof theirs === 'string' && { theirs }) }
    const requestState = seals.seal('state', client.owner, sealed, clock() + parkedLife)
    if (requestState.length > longestState) {
      const { name } = upstream.settings
      throw new UpstreamError(name, 'invalid', `${name} sent a requestState that is too long to come back`)
    }
    return { ...shown, requestState }
  }

  /** Of a task that failed. */
  function withCheckedError(result: Members, upstream: Upstream, client: Client): Members {
    const { error } = result
    if (typeof error !== 'object' || error === null || typeof error.code !== 'number') return result
    const before = new RpcError(error.code, String(error.message), error.data)
    const { code, message, data } = checkedError(before, termsFor(upstream, client))
    const { data: _, ...others } = error
    return { ...result, error: { ...others, code, message, ...(data !== undefined && { data }) } }
  }

  /** Client 2026, upstream 2025: the call was left waiting with its question. */
  async function takeUp({ id, of }: TakenUp, client: Client, upstream: Upstream): Promise<Members> {
    const call = parked.take(id)
    if (!call) throw new RpcError(invalidParams, 'This call waits for no answer (any more): call again')
    const { question, ...others } = client.inputResponses ?? {}
    const answer = question ?? Object.values(others)[0]
    if (typeof answer !== 'object' || answer === null) {
      call.ongoing.stop(new Error('the client came back without an answer'))
      throw new RpcError(invalidParams, 'inputResponses has no answer to the question: call again')
    }
    const next = call.ongoing.next(client)
    call.question.answer(answer)
    return answerWith(call.ongoing, next, { upstream, of: () => of, client, asked: call.asked })
  }

  async function answerWith(
    ongoing: Ongoing,
    next: Promise<Turn>,
    { upstream, of, client, asked }: { upstream: Upstream; of: () => string; client: Client; asked: number },
  ): Promise<Members> {
    const turn = await next
    if ('result' in turn) return fromLegacy(upstream, turn.result)
    const stop = (error: RpcError): never => {
      ongoing.stop(error)
      throw error
    }
    let shown: Request
    try {
      shown = judged(turn.question.request, upstream, client, asked + 1)
    } catch (error) {
      return stop(error as RpcError)
    }
    const id = parked.park(client.owner, { ongoing, question: turn.question, asked: asked + 1 })
    if (id === undefined)
      return stop(
        new RpcError(-32_603, `${options.parked} calls of yours wait for an answer already: answer one first`),
      )
    const state: State = { kind: 'parked', id, of: of(), ...(elsewhere && { at: elsewhere.self }) }
    return {
      resultType: 'input_required',
      inputRequests: { question: shown },
      requestState: seals.seal('state', client.owner, state, clock() + parkedLife),
    }
  }

  function judged(question: Request, upstream: Upstream, client: Client, asked: number): Request {
    if (asked > mostQuestions)
      throw new RpcError(-32_603, `${upstream.settings.name} asked more than ${mostQuestions} questions in one call`)
    const shown = questionFor(question, termsFor(upstream, client))
    return shown.params ? { ...shown, params: options.shownTasks(shown.params, client, upstream) } : shown
  }

  function termsFor({ settings }: Upstream, { capabilities }: Client): QuestionTerms {
    const { named, ownOrigins, development } = options
    return { capabilities, settings, named, ownOrigins, development }
  }

  function stateOf({ owner, requestState }: Client, of: () => string): State | undefined {
    if (requestState === undefined) return undefined
    const state = seals.open('state', owner, requestState) as State | undefined
    // Approved once is not approved for other arguments.
    if (state?.of !== of()) throw new RpcError(invalidParams, 'Invalid or expired requestState: call again without it')
    return state
  }

  /** An error of an upstream may send a person somewhere, too. */
  async function checked(work: () => Promise<Members>, upstream: Upstream, client: Client): Promise<Members> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      // what is between the upstream and us, and would be read as if it were about us
      if (ofTheHop.includes(error.code)) throw new RpcError(-32_603, error.message, error.data)
      throw checkedError(error, termsFor(upstream, client))
    }
  }

  return {
    forward: (upstream, request, client) => checked(() => forward(upstream, request, client), upstream, client),
    get parked() {
      return parked.size
    },
    close() {
      stopServing?.()
      parked.close()
    },
  }
}

async function eraOf(upstream: Upstream, client: Client): Promise<Era> {
  const { era } = await upstream.describe(behalfOf(client))
  return era
}

function runningFor(
  running: Pick<Behalf, 'signal' | 'hear' | 'ask' | 'progressToken'>,
  client: Client,
): typeof running {
  return {
    ...running,
    hear(notification) {
      if (notification.method !== 'notifications/message' || wantsLog(client, notification.params))
        running.hear(notification)
    },
  }
}

/** What an upstream of 2025 answered. It asks by requests, which are judged; what would ask in the form of 2026-07-28 never was. */
function fromLegacy({ settings: { name } }: Upstream, result: Members): Members {
  const { resultType, inputRequests, requestState, ...rest } = result
  if (resultType === 'input_required' || inputRequests !== undefined)
    throw new UpstreamError(name, 'invalid', `${name} asks in a form that its version of MCP does not have`)
  return resultFor(rest, '2026')
}

function questionsIn({ settings: { name } }: Upstream, { inputRequests }: Members): Readonly<Record<string, Request>> {
  if (inputRequests === undefined) return {}
  const isFine = typeof inputRequests === 'object' && inputRequests !== null
  const questions = isFine ? Object.values(inputRequests) : [undefined]
  const areQuestions = questions.every((one) => typeof (one as Partial<Request> | null)?.method === 'string')
  if (!areQuestions) throw new UpstreamError(name, 'invalid', `${name} asks something that is no question`)
  return inputRequests as Readonly<Record<string, Request>>
}

/** Of what was asked for: by it an answer belongs to one request and no other. Most calls never need it. */
function digestOf({ settings }: Upstream, { method, params }: Request): string {
  const { _meta, inputResponses: _i, requestState: _r, ...rest } = params ?? {}
  return digest([settings.name, method, rest])
}
