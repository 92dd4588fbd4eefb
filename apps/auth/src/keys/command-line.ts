// What an operator types to see and change the signing keys, and reads as the answer. No part of a private key is in it.
import { parseArgs } from 'node:util'
import { UsageError } from '../errors.ts'
import { describeRing, type KeyRing, type KeyStatus, publishAhead } from './key-ring.ts'
import { type OperatorOptions, removeSigningKeys, rotateKeys, storedKeys } from './operator.ts'

export const keysUsage = `Usage: node keys-command.js <command>

  list [--json]   the signing keys: which one signs, since when and until when, and which is next
  rotate          the next key of each algorithm signs; tokens that exist stay good
  remove KID...   takes keys out at once, for good: tokens that they signed are refused

It needs the settings of the service, as the container has them.
`

export type KeysCommand =
  | { readonly name: 'list'; readonly json: boolean }
  | { readonly name: 'rotate' }
  | { readonly name: 'remove'; readonly kids: readonly string[] }

/** Undefined: asked for its usage. Throws {@link UsageError}. */
export function parseKeysCommand(args: readonly string[]): KeysCommand | undefined {
  const { values, positionals } = parse(args)
  const [name, ...rest] = positionals
  if (values.help) return undefined
  if (values.json && name !== 'list') throw new UsageError('--json is for list.')
  if (name === 'remove' && rest.length > 0) return { name, kids: rest }
  if (name === 'remove') throw new UsageError('Say which key to remove: list shows their ids.')
  if (name !== 'list' && name !== 'rotate')
    throw new UsageError(name ? `There is no command ${name}.` : 'Say a command.')
  if (rest.length > 0) throw new UsageError(`${name} takes nothing more.`)
  return name === 'list' ? { name, json: values.json === true } : { name }
}

/** Returns what to print. Throws {@link OperatorError}, and what the store throws. */
export async function runKeysCommand(command: KeysCommand, options: OperatorOptions): Promise<string> {
  const { clock, lifetimes } = options
  const before = await storedKeys(options)
  const describe = (ring: KeyRing) => describeRing(ring, clock(), lifetimes)
  if (command.name === 'list') {
    const keys = before.flatMap(describe)
    const removed = before.flatMap((ring) => ring.removed)
    return command.json ? listAsJson(removed, keys) : list(removed, keys)
  }
  const signedBefore = new Set(before.map((ring) => signing(describe(ring))?.kid))
  if (command.name === 'rotate') {
    const after = await rotateKeys(options)
    return after
      .map(describe)
      .map((keys) => {
        const replaced = keys.find(({ kid, state }) => signedBefore.has(kid) && state === 'retiring')
        return replaced ? rotated(signing(keys), replaced) : scheduled(keys.find(({ state }) => state === 'next'))
      })
      .join('')
  }
  const after = await removeSigningKeys(command.kids, options)
  const signers = after
    .filter(({ removed }) => command.kids.some((kid) => removed.includes(kid)))
    .map((ring) => signing(describe(ring)))
  const isNew = (key: KeyStatus | undefined) => key && key.made + publishAhead(lifetimes) > clock() / 1000
  return [
    `Removed: ${command.kids.join(', ')}\n`,
    ...signers.map((key) => `${key?.kid} signs ${key?.alg}.\n`),
    `Replicas refuse what was removed within seconds, resource servers after ${lifetimes.keySet} s at most, or when they\n`,
    'are restarted.\n',
    ...(signers.some((key) => isNew(key) && !signedBefore.has(key?.kid))
      ? ['It was published just now: who has a copy of the key set may refuse its tokens until that is renewed.\n']
      : []),
  ].join('')
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function signing(keys: readonly KeyStatus[]): KeyStatus | undefined {
  return keys.find(({ state }) => state === 'signing')
}

function rotated(now: KeyStatus | undefined, replaced: KeyStatus): string {
  return [
    `${now?.kid} signs ${now?.alg}: on every replica within seconds.\n`,
    `${replaced.kid} is published until ${instant(replaced.retires)}, when its last token has expired.\n`,
  ].join('')
}

function scheduled(next: KeyStatus | undefined): string {
  return `${next?.kid} signs ${next?.alg} from ${instant(next?.signsFrom)} on: it is new, and not everybody knows it before.\n`
}

function list(removed: readonly string[], keys: readonly KeyStatus[]): string {
  const rows = [
    ['kid', 'alg', 'state', 'made', 'signs from', 'signs until', 'retires'],
    ...keys.map(({ kid, alg, state, made, signsFrom, signsUntil, retires }) => [
      kid,
      alg,
      state,
      ...[made, signsFrom, signsUntil, retires].map(instant),
    ]),
  ]
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(cell.length, most[i] ?? 0)), [])
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))
  return [...lines, ...removed.map((kid) => `${kid}  removed`)].map((line) => `${line.trimEnd()}\n`).join('')
}

function listAsJson(removed: readonly string[], statuses: readonly KeyStatus[]): string {
  const keys = statuses.map(({ made, signsFrom, signsUntil, retires, ...rest }) => ({
    ...rest,
    made: instant(made),
    signsFrom: instant(signsFrom),
    ...(signsUntil !== undefined && { signsUntil: instant(signsUntil), retires: instant(retires) }),
  }))
  return `${JSON.stringify({ keys, removed })}\n`
}

function instant(seconds: number | undefined): string {
  return seconds === undefined ? '-' : new Date(seconds * 1000).toISOString().replace('.000', '')
}
