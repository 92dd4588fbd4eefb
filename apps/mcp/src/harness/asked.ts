// For tests: requests to an MCP server, good ones and what may be wrong with them, the same ones each time for a seed.
import { requestOf } from './mcp-server.ts'

export interface Asked {
  /** Of the token. */
  readonly claims: Readonly<Record<string, unknown>>
  /** `undefined` leaves one out. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string
}

export interface Called {
  readonly tools: readonly string[]
  readonly prompts: readonly string[]
  readonly uris: readonly string[]
}

type Json = Record<string, unknown>
type Header = string | readonly string[] | undefined
interface Draft {
  readonly headers: Record<string, Header>
  readonly message: Json
  /** Those that the message had. */
  readonly params: Json
  readonly meta: Json
  /** In the place of the message. */
  readonly text: string | undefined
}

const absent = Symbol('absent')
const ours = 'io.modelcontextprotocol/'
const callers = [{ sub: 'dev:ada' }, { sub: 'dev:ada' }, { sub: 'dev:bob' }, { sub: 'client-1', client_id: 'client-1' }]
const ids = [0, -1, 7, 1.5, 'a', '', 'ü', '1', 'x'.repeat(400), 'x'.repeat(401), null, true, {}, 2 ** 53]
const members = ['name', 'uri', 'arguments', 'cursor', '_meta', 'extra', 'inputResponses', 'requestState', 'task']
const ofMeta = [
  'progressToken',
  'extra',
  'traceparent',
  `${ours}logLevel`,
  `${ours}clientInfo`,
  `${ours}clientCapabilities`,
  `${ours}protocolVersion`,
  `${ours}other`,
]
const capabilities = [
  { elicitation: {} },
  { elicitation: { form: {}, url: {} } },
  { elicitation: { form: {}, url: {} }, roots: {} },
  { sampling: {} },
  { elicitation: null },
]
const odd: readonly unknown[] = [
  null,
  '',
  'x',
  0,
  -1,
  1.5,
  true,
  false,
  [],
  {},
  ['a', null],
  { a: { b: [1, null] } },
  'ü€😀',
  '\u2028"\\/',
]
const both = 'application/json, text/event-stream'
const accepts = [
  both,
  'application/json',
  'text/event-stream',
  '*/*',
  'application/*',
  'text/html',
  '',
  'application/json;q=0, text/event-stream',
  'text/event-stream;q=0.5, application/json;q=0.1',
  undefined,
]
const types = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=UTF-8',
  'Application/JSON',
  'application/json; charset=latin1',
  'application/json;x=y',
  'text/plain',
  'application/json, text/plain',
  undefined,
]
const scopes = [
  'mcp:tools:read mcp:tools:call',
  'mcp:tools:read mcp:tools:call',
  'mcp:tools:read mcp:tools:call mcp:tools:notify',
  'mcp:tools:read',
  'mcp:tools:call',
  '',
]
const methods = [
  'tools/call',
  'tools/call',
  'tools/call',
  'tools/call',
  'tools/list',
  'prompts/list',
  'prompts/get',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/read',
]
const others = [
  'ping',
  'server/discover',
  'initialize',
  'completion/complete',
  'tasks/get',
  'tasks/list',
  'logging/setLevel',
  'nobody/knows',
  'resources/subscribe',
  'notifications/cancelled',
  'notifications/progress',
  'constructor',
  'TOOLS/CALL',
  '',
]

/** Endless. */
export function createAsked(seed: number, called: Called): () => Asked {
  let state = seed
  const roll = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  const pick = <Value>(values: readonly Value[]): Value => values[roll(values.length)] as Value

  function paramsFor(method: string): Json {
    if (method === 'tools/call') {
      const args = pick([
        { name: 'world' },
        { name: 'world' },
        { count: roll(4), text: 'hello' },
        {},
        { name: 'ü€😀\u2028' },
        { name: '' },
        { name: 'x', more: 1 },
      ])
      const name = pick([...called.tools, 'greet', 'nothing'])
      // by default it would take a second and a half
      return { name, arguments: name === 'multi-greet' ? { name: 'world', pause: 0, count: 1 + roll(2) } : args }
    }
    if (method === 'prompts/get')
      return { name: pick([...called.prompts, 'nothing']), arguments: pick([{ name: 'Ada' }, {}, { name: 1 }]) }
    if (method === 'resources/read') return { uri: pick([...called.uris, 'nothing://here', 'no address', '']) }
    if (method.startsWith('resources/subscribe')) return { uri: 'x://y' }
    return {}
  }

  /** What is changed: a member of something, and to what. */
  const faults: readonly ((draft: Draft) => readonly [object, string, unknown])[] = [
    ({ headers }) => [headers, 'accept', pick(accepts)],
    ({ headers }) => [headers, 'accept', pick(accepts)],
    ({ headers }) => [headers, 'content-type', pick(types)],
    ({ headers }) => [headers, 'mcp-name', pick([absent, 'greet', 'other', '', '=?base64?Z3JlZXQ=?=', '=?base64?x'])],
    ({ headers, params }) => [headers, 'mcp-name', encoded(params.name)],
    ({ headers, message }) => [
      headers,
      'mcp-method',
      pick([absent, 'tools/list', '', ` ${message.method} `, 'TOOLS/CALL']),
    ],
    ({ headers }) => [headers, 'mcp-protocol-version', pick([absent, '2025-11-25', '2099-01-01', '', 'x'])],
    ({ headers }) => [
      headers,
      pick(['mcp-method', 'mcp-name', 'mcp-protocol-version', 'x-tenant']),
      ['tools/call', 'greet'],
    ],
    ({ headers }) => [headers, 'mcp-session-id', pick(['x', ''])],
    ({ headers }) => [headers, 'origin', pick(['http://evil.example', 'null', 'http://localhost'])],
    ({ headers }) => [headers, 'authorization', pick([absent, 'Bearer x', 'Basic eDp5', 'Bearer '])],
    ({ message }) => [message, 'id', pick(ids)],
    ({ message }) => [message, 'id', pick([2, 'b'])],
    ({ message }) => [message, pick(['id', 'jsonrpc', 'method', 'params']), absent],
    ({ message }) => [message, pick(['jsonrpc', 'method', 'params', 'result', 'error', 'extra']), pick(odd)],
    ({ message }) => [message, 'method', pick(others)],
    ({ params }) => [params, pick(members), pick(odd)],
    ({ params }) => [params, 'arguments', pick(odd)],
    ({ params }) => [params, pick(['name', 'uri', 'arguments', '_meta']), absent],
    ({ meta }) => [meta, pick(ofMeta), pick(odd)],
    ({ meta }) => [meta, pick(ofMeta), absent],
    ({ meta }) => [meta, 'progressToken', pick([1, 'p', 0])],
    ({ meta }) => [meta, 'progressToken', 'token'],
    ({ meta }) => [meta, `${ours}logLevel`, pick(['debug', 'info', 'error', 'x'])],
    ({ meta }) => [meta, `${ours}logLevel`, 'debug'],
    ({ meta }) => [meta, `${ours}clientCapabilities`, pick(capabilities)],
    ({ meta }) => [meta, `${ours}clientCapabilities`, pick(capabilities)],
    ({ meta }) => [meta, `${ours}protocolVersion`, pick(['2025-11-25', '2099-01-01'])],
    (draft) => [draft, 'text', pick(textsOf(JSON.stringify(draft.message)))],
  ]

  return () => {
    // every sixth is of a method that few have
    const method = pick(roll(6) === 0 ? others : methods)
    const { message, headers } = requestOf('2026-07-28', method, paramsFor(method))
    const { params } = message
    const uri = 'uri' in params ? { 'mcp-name': String(params.uri) } : {}
    const draft: Draft = {
      message,
      params,
      meta: params._meta as Json,
      headers: { accept: both, 'content-type': 'application/json', ...headers, ...uri },
      text: undefined,
    }
    for (let left = pick([0, 1, 1, 2, 3]); left > 0; left -= 1) {
      const [target, member, value] = pick(faults)(draft)
      if (value !== absent) Reflect.set(target, member, value)
      else if (target === draft.headers) draft.headers[member] = undefined
      else Reflect.deleteProperty(target, member)
    }
    return {
      claims: { ...pick(callers), scope: pick(scopes) },
      headers: Object.fromEntries(Object.entries(draft.headers).map(([name, value]) => [name, sendable(value)])),
      body: draft.text ?? JSON.stringify(draft.message),
    }
  }
}

/** As a header may have it. */
function sendable(value: Header): Header {
  return typeof value === 'string' && !/^[\x20-\x7e]*$/.test(value) ? encoded(value) : value
}

function encoded(value: unknown): string {
  return `=?base64?${Buffer.from(String(value)).toString('base64')}?=`
}

/** Bodies that are no message, or none that is as it should be. */
function textsOf(message: string): readonly string[] {
  const deep = `${'['.repeat(70)}${']'.repeat(70)}`
  return ['', '{', '[]', 'null', '1', '"x"', `[${message}]`, `${message} `, '{"__proto__":{"a":1}}', deep]
}
