// Whether what should be JSON is JSON.
import { isObject } from '@gatehouse/network'
import type { Check, Occurrence } from '../check.ts'
import { everyClient } from '../clients.ts'
import type { Evidence, Place } from '../evidence.ts'
import type { Answer } from '../probe.ts'

export const documentChecks: readonly Check[] = [
  {
    id: 'html-instead-of-json',
    severity: 'fault',
    spec: 'RFC 9728 §3.2, RFC 8414 §3.2',
    fix: 'Answer 404 where there is no document: a page of an app or of a proxy in its place stops the search.',
    find: (evidence) => wrong(evidence, (answer) => isHtml(answer) && 'answers 200 with a page of HTML'),
  },
  {
    id: 'not-json',
    severity: 'fault',
    spec: 'RFC 9728 §3.2, RFC 8414 §3.2',
    fix: 'Answer with one JSON object, or with 404.',
    find: (evidence) =>
      wrong(
        evidence,
        (answer) => !isHtml(answer) && !isObject(answer.json) && 'answers 200 with something that is no JSON object',
      ),
  },
  {
    id: 'content-type',
    severity: 'warning',
    spec: 'RFC 9728 §3.2, RFC 8414 §3.2',
    fix: 'Send Content-Type: application/json.',
    find: (evidence) =>
      wrong(evidence, ({ headers, json }) => {
        const type = headers.get('content-type') ?? ''
        return isObject(json) && !/^application\/([\w.+-]+\+)?json\b/.test(type) && `says that it is "${type}"`
      }),
  },
  {
    id: 'empty-member',
    severity: 'warning',
    spec: 'RFC 8414 §3.2; RFC 9728 §3.2',
    fix: 'Leave out what has no value: many clients refuse null, and an empty text where an address should be.',
    find: ({ resourcePlaces, serverPlaces }) =>
      [...resourcePlaces, ...serverPlaces].flatMap(({ outcome }) => {
        if (!outcome.answered || outcome.status !== 200 || !isObject(outcome.json)) return []
        const empty = Object.entries(outcome.json).flatMap(([name, value]) =>
          value === null || value === '' ? name : [],
        )
        return empty.length > 0 ? [`${outcome.url} has members without a value: ${empty.join(', ')}.`] : []
      }),
  },
]

/** The places with a good answer that `judge` finds something wrong with. It stops clients if they come by before a document. */
function wrong(evidence: Evidence, judge: (answer: Answer) => string | false): Occurrence[] {
  return [evidence.resourcePlaces, evidence.serverPlaces].flatMap((places: readonly Place[]) => {
    const first = places.findIndex(({ document }) => document)
    return places.flatMap(({ outcome }, at) => {
      const what = outcome.answered && outcome.status === 200 && judge(outcome)
      return what ? [{ what: `${outcome.url} ${what}.`, stops: first === -1 || at < first ? everyClient : [] }] : []
    })
  })
}

function isHtml({ headers, text, json }: Answer): boolean {
  if (json !== undefined) return false
  return (headers.get('content-type') ?? '').startsWith('text/html') || /^\s*<(!doctype|html)/i.test(text)
}
