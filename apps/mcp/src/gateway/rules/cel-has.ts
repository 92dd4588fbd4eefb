// Whether a member is there. The library says no of one that is null, which would be sent on, and of what is in no map, where
// CEL has an error: `!has(args.a.b)` would hold for a list of objects with a `b`. So `has` becomes a call of a function of ours.
import type { CelExpression } from './cel-check.ts'

/** Of a map and a text. No condition can have it in its own words. */
export const hasFunction = '@has'

/** Changes the tree that it is given. */
export function replaceHas(tree: unknown): void {
  if (typeof tree !== 'object' || tree === null) return
  for (const part of Object.values(tree)) replaceHas(part)
  const { exprKind: kind } = tree as Partial<CelExpression>
  if (kind?.case !== 'selectExpr' || !kind.value.testOnly) return
  const { operand, field } = kind.value
  const name = { exprKind: { case: 'constExpr', value: { constantKind: { case: 'stringValue', value: field } } } }
  Object.assign(tree, { exprKind: { case: 'callExpr', value: { function: hasFunction, args: [operand, name] } } })
}
