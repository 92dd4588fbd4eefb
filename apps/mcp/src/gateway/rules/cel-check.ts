// What can be said of a condition before it is used. The library has no type checker that can be called yet: this one knows
// which names there are, which functions take what, and what would take too long.

/** As much of a syntax tree of CEL as is looked at here (`cel.expr.Expr`). */
export interface CelExpression {
  readonly exprKind: Kind
}

type Kind =
  | { readonly case: 'constExpr'; readonly value: { readonly constantKind: Constant } }
  | { readonly case: 'identExpr'; readonly value: { readonly name: string } }
  | {
      readonly case: 'selectExpr'
      readonly value: { readonly operand?: CelExpression; readonly field: string; readonly testOnly: boolean }
    }
  | {
      readonly case: 'callExpr'
      readonly value: {
        readonly target?: CelExpression
        readonly function: string
        readonly args: readonly CelExpression[]
      }
    }
  | { readonly case: 'listExpr'; readonly value: { readonly elements: readonly CelExpression[] } }
  | {
      readonly case: 'structExpr'
      readonly value: {
        readonly messageName: string
        readonly entries: readonly {
          readonly keyKind: { readonly case?: string | undefined; readonly value?: unknown }
          readonly value?: CelExpression
        }[]
      }
    }
  | { readonly case: 'comprehensionExpr'; readonly value: Comprehension }
  | { readonly case: undefined }

interface Constant {
  readonly case?: string | undefined
  readonly value?: unknown
}

interface Comprehension {
  readonly iterVar: string
  readonly iterVar2: string
  readonly accuVar: string
  readonly iterRange?: CelExpression
  readonly accuInit?: CelExpression
  readonly loopCondition?: CelExpression
  readonly loopStep?: CelExpression
  readonly result?: CelExpression
}

export interface CelSignature {
  readonly target: string | undefined
  readonly args: readonly string[]
  readonly result: string
}

export interface CheckOptions {
  /** Of all functions of a name. */
  signatures(name: string): readonly CelSignature[]
  /** Throws for what is no pattern. */
  compiled(pattern: string): unknown
}

const variables: Readonly<Record<string, string>> = {
  args: 'dyn',
  tool: 'string',
  upstream: 'string',
  endpoint: 'string',
}
const ofCaller: Readonly<Record<string, string>> = {
  kind: 'string',
  subject: 'string',
  client: 'string',
  groups: 'list',
  scopes: 'list',
}
const kinds = ['person', 'machine']
const typeNames = ['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint']
const numbers = ['int', 'uint', 'double']

/** Throws an error whose message says what is wrong. */
export function checkExpression(
  whole: CelExpression,
  { signatures, compiled }: CheckOptions,
): { readonly mentionsArgs: boolean; readonly mentionsTool: boolean; readonly goesThroughLists: boolean } {
  let mentionsArgs = false
  let mentionsTool = false
  let goesThroughLists = false

  /** Its type; `dyn` where only the value will tell. `bound`: variables of comprehensions. */
  function typeOf(expression: CelExpression | undefined, bound: ReadonlySet<string>): string {
    if (!expression) return 'dyn'
    const { exprKind: kind } = expression
    switch (kind.case) {
      case 'constExpr':
        return typeOfConstant(kind.value.constantKind)
      case 'identExpr':
        return typeOfName(kind.value.name, bound)
      case 'selectExpr': {
        const { operand, field } = kind.value
        if (isCaller(operand, bound)) return kind.value.testOnly ? member(field) && 'bool' : member(field)
        requireOneOf(['dyn', 'map'], typeOf(operand, bound), `has no member ${field}`)
        return kind.value.testOnly ? 'bool' : 'dyn'
      }
      case 'callExpr':
        return typeOfCall(kind.value, bound)
      case 'listExpr':
        for (const element of kind.value.elements) typeOf(element, bound)
        return 'list'
      case 'structExpr':
        if (kind.value.messageName !== '') throw new Error(`there is no type ${kind.value.messageName}`)
        for (const { keyKind, value } of kind.value.entries) {
          if (keyKind.case === 'mapKey') typeOf(keyKind.value as CelExpression, bound)
          typeOf(value, bound)
        }
        return 'map'
      case 'comprehensionExpr':
        return typeOfComprehension(kind.value, bound)
      default:
        throw new Error('has a part that is empty')
    }
  }

  function typeOfName(name: string, bound: ReadonlySet<string>): string {
    if (bound.has(name)) return 'dyn'
    if (name === 'caller') throw new Error(`caller is looked at by its members: ${Object.keys(ofCaller).join(', ')}`)
    if (typeNames.includes(name)) return 'type'
    const type = Object.hasOwn(variables, name) ? variables[name] : undefined
    if (type === undefined)
      throw new Error(`there is no ${name}, there are caller, ${Object.keys(variables).join(', ')}`)
    if (name === 'args') mentionsArgs = true
    if (name === 'tool') mentionsTool = true
    return type
  }

  function typeOfCall(
    { target, function: name, args }: Extract<Kind, { case: 'callExpr' }>['value'],
    bound: ReadonlySet<string>,
  ): string {
    const [first, second, third] = args
    if (name === '_[_]' && isCaller(first, bound)) {
      const field = textIn(second)
      if (field === undefined) throw new Error('caller is looked at by names that stand in the condition')
      return member(field)
    }
    const given = args.map((each) => typeOf(each, bound))
    const on = target && typeOf(target, bound)
    if (name === '_[_]') return requireOneOf(['dyn', 'map', 'list'], given[0], 'has no members') && 'dyn'
    if (name === '@not_strictly_false') return 'bool'
    if (name === '_&&_' || name === '_||_' || name === '!_') {
      for (const type of given) requireOneOf(['dyn', 'bool'], type, 'is neither true nor false')
      return 'bool'
    }
    if (name === '_?_:_') {
      requireOneOf(['dyn', 'bool'], given[0], 'is neither true nor false')
      return given[1] === given[2] && third ? (given[1] ?? 'dyn') : 'dyn'
    }
    if (name === '_==_' || name === '_!=_') {
      requireComparable(given)
      for (const [one, other] of [
        [first, second],
        [second, first],
      ])
        if (isKind(one, bound)) requireKind(other)
    }
    if (name === 'matches') requirePattern(target ? first : second)
    return resultOf(name, on, given)
  }

  function resultOf(name: string, on: string | undefined, given: readonly string[]): string {
    const all = signatures(name)
    const shown = /[a-z]/i.test(name) ? name : name.replaceAll('_', '')
    if (all.length === 0) throw new Error(`there is no function ${shown}`)
    const fitting = all.filter(
      ({ target, args }) =>
        (target === undefined) === (on === undefined) &&
        fits(target, on) &&
        args.length === given.length &&
        args.every((type, index) => fits(type, given[index])),
    )
    if (fitting.length === 0)
      throw new Error(`${shown} does not take (${[...(on === undefined ? [] : [on]), ...given].join(', ')})`)
    const [result = 'dyn', ...others] = new Set(fitting.map((each) => each.result))
    return others.length > 0 ? 'dyn' : result
  }

  function typeOfComprehension(loop: Comprehension, bound: ReadonlySet<string>): string {
    const before = mentionsArgs
    mentionsArgs = false
    const range = typeOf(loop.iterRange, bound)
    requireOneOf(['dyn', 'list', 'map'], range, 'cannot be gone through')
    // what callers send has 10,000 values at most: a list in a list would be 10,000 times as many
    if (bound.size > 0 && (mentionsArgs || mentionsAny(loop.iterRange, bound)))
      throw new Error('goes through a list inside a list: only caller.groups and caller.scopes are short enough')
    mentionsArgs ||= before
    goesThroughLists = true
    const start = typeOf(loop.accuInit, bound)
    const inside = new Set([...bound, loop.iterVar, loop.iterVar2, loop.accuVar])
    for (const part of [loop.loopCondition, loop.loopStep]) typeOf(part, inside)
    const result = typeOf(loop.result, inside)
    return result === 'dyn' ? start : result
  }

  function requirePattern(pattern: CelExpression | undefined): void {
    const text = textIn(pattern)
    if (text === undefined) throw new Error('a pattern has to stand in the condition')
    try {
      compiled(text)
    } catch (error) {
      throw new Error(`a pattern is faulty: ${(error as Error).message}`)
    }
  }

  const type = typeOf(whole, new Set())
  requireOneOf(['dyn', 'bool'], type, 'is neither true nor false')
  return { mentionsArgs, mentionsTool, goesThroughLists }
}

function member(field: string): string {
  const type = Object.hasOwn(ofCaller, field) ? ofCaller[field] : undefined
  if (type === undefined) throw new Error(`there is no caller.${field}, there are ${Object.keys(ofCaller).join(', ')}`)
  return type
}

function isCaller(expression: CelExpression | undefined, bound: ReadonlySet<string>): boolean {
  const kind = expression?.exprKind
  return kind?.case === 'identExpr' && kind.value.name === 'caller' && !bound.has('caller')
}

function isKind(expression: CelExpression | undefined, bound: ReadonlySet<string>): boolean {
  const kind = expression?.exprKind
  return kind?.case === 'selectExpr' && kind.value.field === 'kind' && isCaller(kind.value.operand, bound)
}

/** A slip there would be a rule that never fits. */
function requireKind(expression: CelExpression | undefined): void {
  const text = textIn(expression)
  if (text !== undefined && !kinds.includes(text)) throw new Error(`caller.kind is ${kinds.join(' or ')}`)
}

function requireComparable([one = 'dyn', other = 'dyn']: readonly string[]): void {
  const known = [one, other].every((type) => type !== 'dyn' && type !== 'null_type')
  if (known && one !== other && ![one, other].every((type) => numbers.includes(type)))
    throw new Error(`compares ${one} with ${other}, which are never the same`)
}

function requireOneOf(types: readonly string[], type: string | undefined, message: string): true {
  if (!types.includes(type ?? 'dyn')) throw new Error(`${type} ${message}`)
  return true
}

function fits(wanted: string | undefined, given: string | undefined): boolean {
  return wanted === given || wanted === 'dyn' || given === 'dyn'
}

function textIn(expression: CelExpression | undefined): string | undefined {
  const kind = expression?.exprKind
  const constant = kind?.case === 'constExpr' ? kind.value.constantKind : undefined
  return constant?.case === 'stringValue' ? String(constant.value) : undefined
}

function typeOfConstant({ case: kind }: Constant): string {
  return (
    {
      boolValue: 'bool',
      bytesValue: 'bytes',
      doubleValue: 'double',
      int64Value: 'int',
      nullValue: 'null_type',
      stringValue: 'string',
      uint64Value: 'uint',
    }[kind ?? ''] ?? 'dyn'
  )
}

/** Whether one of these variables is in it, at whatever depth. */
function mentionsAny(expression: unknown, names: ReadonlySet<string>): boolean {
  if (typeof expression !== 'object' || expression === null) return false
  const { case: kind, value } = expression as { readonly case?: unknown; readonly value?: { readonly name?: unknown } }
  if (kind === 'identExpr' && names.has(String(value?.name))) return true
  return Object.values(expression).some((part) => mentionsAny(part, names))
}
