// Conditions in CEL: the only file that knows the library, which has no stable version yet. What it does not check before a
// condition is used is checked in cel-check.ts.
import { createRequire } from 'node:module'
import type { CelFunc, CelInput, parse } from '@bufbuild/cel'
import type { RE2JS } from '@bufbuild/re2'
import { createRecent } from '../recent.ts'
import { beginReading, countReading, readingFunctions } from './cel-budget.ts'
import { type CelExpression, type CelSignature, checkExpression } from './cel-check.ts'
import { hasFunction, replaceHas } from './cel-has.ts'

/** What a condition sees, and nothing else. */
export interface Facts {
  readonly caller: {
    /** A client with a token of its own is a machine. */
    readonly kind: 'person' | 'machine'
    readonly subject: string
    readonly client: string
    readonly groups: readonly string[]
    readonly scopes: readonly string[]
  }
  /** Of a tool or a prompt. */
  readonly args: unknown
  /** The upstream's own name of the tool or the prompt, or the URI of the resource. */
  readonly tool: string
  readonly upstream: string
  /** The resource identifier. */
  readonly endpoint: string
}

export interface Condition {
  readonly text: string
  readonly mentionsArgs: boolean
  readonly mentionsTool: boolean
  /** Throws where it cannot be said. */
  holds(facts: Facts): boolean
}

/** Characters of a text that a pattern is tried on: what is longer cannot be judged. */
const longestMatched = 65_536
/** Values in arguments where a condition goes through lists. */
const mostValues = 1_000

const patterns = createRecent<RE2JS>(1_000)

/** In linear time. Throws for what is no pattern. */
function compiled(pattern: string): RE2JS {
  const known = patterns.get(pattern) ?? library().RE2JS.compile(pattern)
  patterns.set(pattern, known)
  return known
}

const require = createRequire(import.meta.url)
let loaded: ReturnType<typeof load> | undefined

/** Loaded with the first condition: where there are no rules it is not needed. */
function library() {
  loaded ??= load()
  return loaded
}

function load() {
  const cel: typeof import('@bufbuild/cel') = require('@bufbuild/cel')
  const { RE2JS }: typeof import('@bufbuild/re2') = require('@bufbuild/re2')
  const { STRING, BOOL, DYN, INT, UINT, DOUBLE } = cel.CelScalar
  const map = cel.mapType(DYN, DYN)
  const standard = cel.celEnv().funcs
  const counted = readingFunctions.flatMap((name) => [...(standard.find(name) ?? [])].filter(takesText).map(counting))
  const environment = cel.celEnv({
    variables: { caller: cel.mapType(STRING, DYN), args: DYN, tool: STRING, upstream: STRING, endpoint: STRING },
    funcs: [
      ...counted,
      // the library takes what is null for what is not there
      cel.celFunc(hasFunction, [map, STRING], BOOL, (parent, name) => parent.get(name) !== undefined),
      ...[STRING, INT, UINT, DOUBLE, BOOL].map((type) =>
        cel.celFunc('@in', [type, map], BOOL, (key, parent) => parent.get(key) !== undefined),
      ),
      cel.celMethod('matches', STRING, [STRING], BOOL, function matches(pattern) {
        const text = String(this)
        if (text.length > longestMatched) throw new Error('a text is too long to be tried on a pattern')
        countReading('matches', text, pattern)
        return compiled(pattern).test(text)
      }),
    ],
  })
  return { ...cel, RE2JS, environment }
}

function takesText({ target, arguments: [first] }: CelFunc): boolean {
  return (target ?? first)?.name === 'string'
}

/** The same function: what it is about to read is counted. */
function counting(func: CelFunc): CelFunc {
  const call: CelFunc['call'] = (id, target, args) => {
    const [text, sought = ''] = target === undefined ? args : [target, ...args]
    if (typeof text === 'string') countReading(func.name, text, String(sought))
    return func.call(id, target, args)
  }
  return Object.create(func, { call: { value: call } })
}

function signatures(name: string): readonly CelSignature[] {
  return [...(library().environment.funcs.find(name) ?? [])].map(({ target, arguments: args, result }) => ({
    target: target?.name,
    args: args.map((each) => each.name),
    result: result.name,
  }))
}

/** Throws an error whose message says what is wrong with the text. */
export function compileCondition(text: string): Condition {
  const { environment, isCelError, plan } = library()
  const { expr } = parsed(text)
  const known = checkExpression(expr as CelExpression, { signatures, compiled })
  const { mentionsArgs, mentionsTool, goesThroughLists } = known
  replaceHas(expr)
  const evaluate = plan(environment, expr)
  return {
    text,
    mentionsArgs,
    mentionsTool,
    holds(facts) {
      if (mentionsArgs) requireJudgeable(facts.args, goesThroughLists ? mostValues : Number.POSITIVE_INFINITY)
      beginReading(facts)
      const result = evaluate(facts as unknown as Record<keyof Facts, CelInput> as never)
      if (isCelError(result)) throw new Error(result.message)
      if (typeof result !== 'boolean') throw new Error('is neither true nor false')
      return result
    },
  }
}

function parsed(text: string): ReturnType<typeof parse> {
  try {
    return library().parse(text)
  } catch (error) {
    throw new Error(`is not CEL: ${(error as Error).message.replace(/^<input>:/, '')}`)
  }
}

/**
 * The library takes an object with a `$typeName` for a message of Protocol Buffers and reads other members of it than are sent on.
 * JSON has no number without end: another value would be sent on.
 */
function requireJudgeable(args: unknown, most: number): void {
  if (typeof args !== 'object' || args === null || Array.isArray(args)) throw new Error('the arguments are no object')
  let count = 0
  let level = [args]
  while (level.length > 0) {
    count += level.length
    if (count > most) throw new Error(`there are more than ${most} values in the arguments`)
    level = level.flatMap((value) => {
      if (typeof value === 'number' && !Number.isFinite(value)) throw new Error('a number is too large')
      if (typeof value !== 'object' || value === null) return []
      if ('$typeName' in value) throw new Error('a member is called $typeName')
      return Object.values(value)
    })
  }
}
