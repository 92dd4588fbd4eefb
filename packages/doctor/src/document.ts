// Reading metadata of which nothing may be assumed.
import { isObject, plainMembers } from '@gatehouse/network'
import type { Outcome } from './probe.ts'

export type Document = Readonly<Record<string, unknown>>

/** The JSON object of a good answer, read as the client reads it: without members that say nothing. */
export function documentIn(outcome: Outcome | undefined): Document | undefined {
  if (!outcome?.answered || outcome.status !== 200) return undefined
  return isObject(outcome.json) ? plainMembers(outcome.json) : undefined
}

export function textIn(document: Document | undefined, member: string): string | undefined {
  const value = document?.[member]
  return typeof value === 'string' ? value : undefined
}

/** The texts of a list; `undefined` where there is no list. */
export function listIn(document: Document | undefined, member: string): readonly string[] | undefined {
  const value = document?.[member]
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : undefined
}
