// What a server asks while it works (Elicitation, 2025-11-25 and 2026-07-28), as a form. Addresses to open are not taken:
// who runs a headless client has nobody to open them.
import type { Client, ElicitRequestFormParams, ElicitResult } from '@modelcontextprotocol/client'

/** A form that the server wants to have filled in. Texts are the server's, uncleaned. */
export interface Question {
  readonly message: string
  readonly fields: ElicitRequestFormParams['requestedSchema']
}

export type OnQuestion = (question: Question) => ElicitResult | Promise<ElicitResult>

/** What a client with {@link answerQuestions} says of itself; the SDK fills in the defaults of a form's fields. */
export const elicitation = { form: { applyDefaults: true } }

export function answerQuestions(client: Client, onQuestion: OnQuestion): void {
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    if (params.mode === 'url') return { action: 'decline' }
    const { message, requestedSchema } = params as ElicitRequestFormParams
    return await onQuestion({ message, fields: requestedSchema })
  })
}

/**
 * Answers every question from one set of values: what the form has a field for is taken, a default stands in for what is
 * not there. `missing`: fields that have to be filled in and are not; then the question is declined.
 */
export function answerFrom(values: Readonly<Record<string, unknown>>, { fields }: Question) {
  const { properties, required = [] } = fields
  const given = Object.keys(properties).filter((name) => Object.hasOwn(values, name))
  const missing = required.filter((name) => !given.includes(name) && !hasDefault(properties[name]))
  const content = Object.fromEntries(given.map((name) => [name, values[name]])) as ElicitResult['content']
  const answer: ElicitResult = missing.length > 0 ? { action: 'decline' } : { action: 'accept', content }
  return { answer, missing }
}

function hasDefault(field: unknown): boolean {
  return typeof field === 'object' && field !== null && 'default' in field
}
