// Whether what should be JSON is JSON.
import type { Check } from '../check.ts'
import { everyClient } from '../clients.ts'
import type { Answer, Outcome } from '../probe.ts'

export const documentChecks: readonly Check[] = [
  {
    id: 'html-instead-of-json',
    severity: 'fault',
    spec: 'RFC 9728 §3.2, RFC 8414 §3.2',
    fix: 'Answer 404 where there is no document: a page of an app or of a proxy in its place stops the search.',
    stops: everyClient,
    find: (evidence) =>
      metadataAnswers(evidence).flatMap((answer) =>
        isHtml(answer) ? [`${answer.url} answers 200 with a page of HTML.`] : [],
      ),
  },
  {
    id: 'not-json',
    severity: 'fault',
    spec: 'RFC 9728 §3.2, RFC 8414 §3.2',
    fix: 'Answer with one JSON object, or with 404.',
    stops: everyClient,
    find: (evidence) =>
      metadataAnswers(evidence).flatMap((answer) =>
        isHtml(answer) || isObject(answer.json)
          ? []
          : [`${answer.url} answers 200 with something that is no JSON object.`],
      ),
  },
  {
    id: 'content-type',
    severity: 'warning',
    spec: 'RFC 9728 §3.2, RFC 8414 §3.2',
    fix: 'Send Content-Type: application/json.',
    find: (evidence) =>
      metadataAnswers(evidence).flatMap((answer) => {
        const type = answer.headers.get('content-type') ?? ''
        return isObject(answer.json) && !/^application\/([\w.+-]+\+)?json\b/.test(type)
          ? [`${answer.url} says that it is "${type}".`]
          : []
      }),
  },
]

type Places = readonly { readonly outcome: Outcome }[]

/** The good answers at the places where metadata could be. */
function metadataAnswers({ resourcePlaces, serverPlaces }: { resourcePlaces: Places; serverPlaces: Places }): Answer[] {
  return [...resourcePlaces, ...serverPlaces].flatMap(({ outcome }) =>
    outcome.answered && outcome.status === 200 ? [outcome] : [],
  )
}

function isHtml({ headers, text, json }: Answer): boolean {
  if (json !== undefined) return false
  return (headers.get('content-type') ?? '').startsWith('text/html') || /^\s*<(!doctype|html)/i.test(text)
}

function isObject(json: unknown): boolean {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
