// Polls as nobody sends them, and as everybody does: what is sent to two servers, one after the other. From a seed, so that a
// failure can be had again.
import { otherTerminal, terminal } from '../../../harness/clients.ts'

export interface Device {
  readonly clientId: string
  /** Of each server its own code. */
  readonly codes: readonly [string, string]
}

export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A number from 0 to 1. */
export type Chance = () => number

/** Mulberry32. */
export function createChance(seed: number): Chance {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function pick<T>(chance: Chance, from: readonly T[]): T {
  return from[Math.floor(chance() * from.length)] as T
}

type Pairs = readonly (readonly [string, string])[]
interface Poll {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly pairs: Pairs
  readonly encode?: (pairs: Pairs) => string
}

const form = 'application/x-www-form-urlencoded'
const grant = 'urn:ietf:params:oauth:grant-type:device_code'

const usual = (pairs: Pairs) =>
  new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value])).toString()
const everyByte = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
const encodings: readonly ((pairs: Pairs) => string)[] = [
  (pairs) => pairs.map(([name, value]) => `${everyByte(name)}=${everyByte(value)}`).join('&'),
  (pairs) => `&&${usual(pairs)}&`,
  (pairs) => usual(pairs).replaceAll('&', ';'),
  (pairs) => `${usual(pairs)}&=`,
  (pairs) => `${usual(pairs)}&x=%zz`,
  (pairs) => usual(pairs).replaceAll('=', '==').replace('==', '='),
  (pairs) => usual(pairs).toUpperCase(),
  (pairs) => JSON.stringify(Object.fromEntries(pairs)),
  () => '',
]

const values = ['', ' ', 'x', '\0', 'ünïcode', '__proto__', `${'a'.repeat(10_000)}`, 'toString', '[object Object]']
const extras: Pairs = [
  ['resource', 'http://localhost:3000/mcp'],
  ['resource', 'http://LOCALHOST:3000/mcp/'],
  ['resource', 'https://elsewhere.example/mcp'],
  ['resource', ''],
  ['resource', 'no address'],
  ['scope', 'mcp:tools:read'],
  ['scope', 'in"valid'],
  ['nonce', 'n'],
  ['client_secret', 'a-secret-that-is-not-there'],
  ['client_secret', ''],
  ['client_assertion', 'a.b.c'],
  ['client_assertion_type', 'x'],
  ['refresh_token', 'x'],
  ['authorization_details', '[]'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
]
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
const headers: readonly Readonly<Record<string, string>>[] = [
  ...['text/html', '*/*', 'application/json', 'text/*', 'application/xml', 'application/json;q=0, */*', '', 'html'].map(
    (accept) => ({ accept }),
  ),
  { accept: 'application/json, text/plain, */*' },
  ...['https://elsewhere.example', 'http://localhost:4000', 'null'].map((origin) => ({ origin })),
  basic('terminal:'),
  basic('terminal:wrong'),
  basic('other-terminal:'),
  { authorization: 'Bearer x' },
  { authorization: '' },
  { dpop: 'x' },
  { 'oauth-client-attestation': 'a.b.c' },
  { 'oauth-client-attestation-pop': 'a.b.c' },
  ...['cors', 'no-cors', 'navigate', 'same-origin'].map((mode) => ({ 'sec-fetch-mode': mode })),
  ...['203.0.113.7', '198.51.100.9', '2001:db8::1', 'nobody', '203.0.113.7, 198.51.100.9'].map((from) => ({
    'x-forwarded-for': from,
  })),
  ...['gzip', 'identity'].map((coding) => ({ 'content-encoding': coding })),
  { prefer: 'wait=30' },
  { cookie: 'gatehouse_session=x' },
  { 'x-forwarded-host': 'elsewhere.example', 'x-forwarded-proto': 'https' },
  ...[
    `${form};charset=UTF-8`,
    form.toUpperCase(),
    `${form} ; charset=iso-8859-1`,
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    '',
  ].map((type) => ({ 'content-type': type })),
]

/** What the device's own client sends, or something near it. `server` says whose code goes out. */
export function createPoll(chance: Chance, devices: readonly Device[]): (server: 0 | 1) => Sent {
  const device = pick(chance, devices)
  const other = pick(chance, devices)
  const mutation = chance() < 0.55 ? [] : Array.from({ length: chance() < 0.8 ? 1 : 2 }, () => pick(chance, kinds))
  const drawn = mutation.map((kind) => kind(chance, other))
  return (server) => {
    const pairs: Pairs = [
      ['grant_type', grant],
      ['device_code', device.codes[server]],
      ['client_id', device.clientId],
    ]
    const {
      method = 'POST',
      path = '/token',
      encode = usual,
      ...poll
    } = drawn.reduce<Poll>((before, change) => change(before, server), { pairs })
    return { method, path, headers: { 'content-type': form, ...poll.headers }, body: encode(poll.pairs) }
  }
}

type Change = (poll: Poll, server: 0 | 1) => Poll
type Kind = (chance: Chance, other: Device) => Change

const names = ['grant_type', 'device_code', 'client_id'] as const
const replace = (pairs: Pairs, name: string, value: string): Pairs =>
  pairs.map((pair) => (pair[0] === name ? [name, value] : pair))

const kinds: readonly Kind[] = [
  (chance) => {
    const client = pick(chance, [
      otherTerminal.client_id,
      terminal.client_id,
      'nobody',
      'Terminal',
      'terminal ',
      'appliance',
    ])
    return (poll) => ({ ...poll, pairs: replace(poll.pairs, 'client_id', client) })
  },
  (_chance, other) => (poll, server) => ({ ...poll, pairs: replace(poll.pairs, 'device_code', other.codes[server]) }),
  (chance) => {
    const change = pick<(code: string) => string>(chance, [
      (code) => code.slice(0, -1),
      (code) => `${code} `,
      (code) => `${code}\n`,
      (code) => code.toUpperCase(),
      (code) => `${code}\0`,
      (code) => code.split('').toReversed().join(''),
    ])
    return (poll) => ({
      ...poll,
      pairs: poll.pairs.map((pair) => (pair[0] === 'device_code' ? [pair[0], change(pair[1])] : pair)),
    })
  },
  (chance) => {
    const [name, value] = [pick(chance, names), pick(chance, values)]
    return (poll) => ({ ...poll, pairs: replace(poll.pairs, name, value) })
  },
  (chance) => {
    const name = pick(chance, names)
    return (poll) => ({ ...poll, pairs: poll.pairs.filter((pair) => pair[0] !== name) })
  },
  (chance) => {
    const name = pick(chance, names)
    return (poll) => ({ ...poll, pairs: [...poll.pairs, ...poll.pairs.filter((pair) => pair[0] === name)] })
  },
  (chance) => {
    const grantType = pick(chance, [
      'refresh_token',
      'client_credentials',
      'device_code',
      grant.toUpperCase(),
      `${grant} `,
    ])
    return (poll) => ({ ...poll, pairs: replace(poll.pairs, 'grant_type', grantType) })
  },
  (chance) => {
    const extra = Array.from({ length: chance() < 0.7 ? 1 : 2 }, () => pick(chance, extras))
    return (poll) => ({ ...poll, pairs: [...poll.pairs, ...extra] })
  },
  (chance) => {
    const count = pick(chance, [20, 997, 1_500])
    const many = Array.from({ length: count }, (_, index) => [`x${index}`, 'y'] as const)
    const isBefore = chance() < 0.5
    return (poll) => ({ ...poll, pairs: isBefore ? [...many, ...poll.pairs] : [...poll.pairs, ...many] })
  },
  ...Array.from(
    { length: 3 },
    (): Kind => (chance) => {
      const more = pick(chance, headers)
      return (poll) => ({ ...poll, headers: { ...poll.headers, ...more } })
    },
  ),
  (chance) => {
    const encode = pick(chance, encodings)
    return (poll) => ({ ...poll, encode })
  },
  (chance) => {
    const method = pick(chance, ['GET', 'PUT', 'OPTIONS', 'HEAD', 'DELETE', 'PATCH'])
    return (poll) => ({ ...poll, method })
  },
  (chance) => {
    const path = pick(chance, [
      '/token?x=1',
      '/token/',
      '/%74oken',
      '//token',
      '/token?',
      '/Token',
      '/token;x',
      '/token#x',
    ])
    return (poll) => ({ ...poll, path })
  },
]
