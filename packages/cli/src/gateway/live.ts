// What the servers of a file say now, and what its lock says of them: what `pin` and `diff` begin with.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  ConfigError,
  collectAll,
  type Difference,
  differencesOf,
  LockError,
  lockBeside,
  type Pin,
  readConfig,
  readLock,
  UpstreamError,
  visible,
} from '@gatehouse/mcp/inspect'
import { ClientError } from '@gatehouse/network'
import type { CommandContext } from '../command.ts'
import { environmentFor, fileNamed } from './file.ts'

export interface Asked {
  readonly file: string
  readonly lock: string
  /** Names of upstreams; undefined: all. */
  readonly only: readonly string[] | undefined
  readonly isJson: boolean
}

export interface Live {
  /** What is wrong with the file, or which upstream does not say what it has. Empty: all is known. */
  readonly faults: readonly string[]
  /** Of the upstreams that answered. */
  readonly answered: readonly string[]
  /** All of the file; none where it is faulty. */
  readonly named: readonly string[]
  readonly pins: readonly Pin[]
  readonly mode: string
}

/** The words after `pin` or `diff`. Throws a {@link ClientError}. */
export function askedFor(verb: 'pin' | 'diff', context: CommandContext): Asked {
  const hint = `Usage: ${usageOf(verb, context.programs.client)}`
  const { values, positionals } = parsed(context.args, hint)
  const [named, ...rest] = positionals
  if (rest.length > 0) throw new ClientError('usage', 'There is one file.', { hint })
  const file = fileNamed(named, context, hint)
  return { file, lock: lockBeside(file), only: values.upstream, isJson: values.json === true }
}

export function usageOf(verb: 'pin' | 'diff', client: string): string {
  return `${client} gateway ${verb} [FILE] [--upstream NAME] [--json]`
}

function parsed(args: readonly string[], hint: string) {
  const options = { upstream: { type: 'string', multiple: true }, json: { type: 'boolean' } } as const
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new ClientError('usage', (error as Error).message, { hint })
  }
}

/** Asks the servers. */
export async function askServers({ file, only }: Asked, { env, signal, terminal }: CommandContext): Promise<Live> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-pin-'))
  try {
    const config = readConfig(environmentFor(file, env, dataDir), { lock: 'ignored' })
    const known = config.gateway?.upstreams.map(({ name }) => name) ?? []
    const unknown = only?.filter((name) => !known.includes(name)) ?? []
    if (unknown.length > 0)
      throw new ClientError('usage', `No endpoint of the file serves ${unknown.join(', ')}.`, {
        hint: `There are ${known.join(', ')}.`,
      })
    const all = await collectAll(config, { only, signal, onLine: (line) => terminal.note(line) })
    const faults = all.flatMap(({ found }) => (found instanceof UpstreamError ? [found.message] : []))
    for (const { upstream, isAskedByNobody } of all)
      if (isAskedByNobody)
        terminal.note(
          `${upstream} was asked without saying who calls: what it shows to callers alone is not among this.`,
        )
    const good = all.filter(({ found }) => !(found instanceof UpstreamError))
    const pins = good.flatMap(({ found }) => (found instanceof UpstreamError ? [] : found))
    return {
      faults,
      named: known,
      answered: good.map(({ upstream }) => upstream),
      pins,
      mode: config.gateway?.pins.mode ?? 'off',
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { faults: error.faults, answered: [], named: [], pins: [], mode: 'off' }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** What is pinned. Undefined: there is no lock. Throws a {@link LockError} for one that nobody can go by. */
export function pinnedIn(lock: string): readonly Pin[] | undefined {
  try {
    return readLock(readFileSync(lock, 'utf8')).pins
  } catch (error) {
    if (error instanceof LockError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new LockError(`cannot be read (${code})`)
  }
}

/** Of those that answered, and of those that the file does not have any more: of the others nobody knows what is gone. */
export function changesOf(pinned: readonly Pin[], live: Live, { only }: Asked): readonly Difference[] {
  if (live.named.length === 0) return []
  const isKnown = (upstream: string) => live.answered.includes(upstream) || (!only && !live.named.includes(upstream))
  return differencesOf(
    pinned.filter(({ upstream }) => isKnown(upstream)),
    live.pins,
  )
}

/** `tool transfer`, in letters that can be seen. */
export function shownName({ kind, name }: Pick<Pin, 'kind' | 'name'>): string {
  return kind === 'instructions' ? kind : `${kind} ${visible(name)}`
}
