// What the audit says of a decision of the rules.
import type { Noted } from '../mcp/call-audit.ts'
import type { Decision } from './rules/rules.ts'

const reasons = {
  rule: 'denied',
  error: 'rule_failed',
  unnamed: 'no_rule',
  place: 'uri_not_plain',
  unpinned: 'not_pinned',
} as const

export function notedOf(decision: Decision): Noted {
  const { kind, rule } = decision
  const refused = kind === 'denied' && { outcome: 'refused', decision: 'deny', reason: reasons[decision.because] }
  return { ...(rule !== undefined && { rule }), ...refused } as Noted
}
