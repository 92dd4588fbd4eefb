// Registering as the clients do (RFC 7591), and what the token endpoint says to a client it does not know.
import { errorBodyLine } from '@gatehouse/network'
import { type Check, when } from '../check.ts'
import { listIn, textIn } from '../document.ts'
import type { RegistrationProbe } from '../registrations.ts'

const advice: Readonly<Record<string, string>> = {
  invalid_redirect_uri: 'Accept https redirects, loopback ones with and without a port, and Cursor’s own scheme.',
  invalid_client_metadata:
    'Ignore what you do not know, and answer with what you registered instead (RFC 7591 §3.2.1).',
}

export const registrationChecks: readonly Check[] = [
  {
    id: 'registration-refused',
    severity: 'fault',
    spec: 'RFC 7591 §3.2',
    fix: 'Accept the body that the client sends; you may register less than it asks for, and say so in the answer.',
    find: ({ registrations }) =>
      registrations.flatMap(({ client, outcome, clientId, body }) => {
        if (clientId !== undefined || !outcome.answered || outcome.status < 400) return []
        const error = textIn(outcome.json as Record<string, unknown> | undefined, 'error') ?? ''
        const wantsSecret = body.token_endpoint_auth_method !== 'none'
        const fix = wantsSecret
          ? 'Accept client_secret_post and answer "token_endpoint_auth_method": "none" (RFC 7591 §3.2.1): Claude takes it.'
          : advice[error]
        return [
          {
            what: `${client.name} is not registered: ${outcome.status}, ${errorBodyLine(outcome.text) || 'without a reason'}.`,
            stops: [client.name],
            ...(fix && { fix }),
          },
        ]
      }),
  },
  {
    id: 'registration-unreadable',
    severity: 'fault',
    spec: 'RFC 7591 §3.2.1',
    fix: 'Answer 201 with a JSON object that has a client_id.',
    find: ({ registrations }) =>
      registrations.flatMap(({ client, outcome, clientId }) =>
        clientId === undefined && outcome.answered && outcome.status < 300
          ? [{ what: `The answer to ${client.name} (${outcome.status}) holds no client_id.`, stops: [client.name] }]
          : [],
      ),
  },
  {
    id: 'registration-drops-redirects',
    severity: 'fault',
    spec: 'RFC 7591 §3.2.1',
    fix: 'Register all redirects, or refuse with invalid_redirect_uri: the client uses the one that is gone.',
    find: (evidence) =>
      registered(evidence.registrations).flatMap(({ client, body, answer }) => {
        const kept = listIn(answer, 'redirect_uris')
        const gone = kept ? (body.redirect_uris as string[]).filter((uri) => !kept.includes(uri)) : []
        return when(gone.length > 0, {
          what: `${client.name}’s redirect ${gone.join(', ')} was not registered.`,
          stops: [client.name],
        })
      }),
  },
  {
    id: 'registration-with-secret',
    severity: 'warning',
    spec: 'RFC 7591 §2, §3.2.1',
    fix: 'Register a client that asks for "none" as a public one, without a secret.',
    find: (evidence) =>
      registered(evidence.registrations).flatMap(({ client, body, answer }) => {
        const method = textIn(answer, 'token_endpoint_auth_method') ?? 'none'
        const wrong = body.token_endpoint_auth_method === 'none' && method !== 'none'
        return when(wrong, `${client.name} asks for no secret, and is registered with ${method}.`)
      }),
  },
  {
    id: 'registration-without-refresh',
    severity: 'warning',
    spec: 'RFC 7591 §2; RFC 6749 §6',
    fix: 'Register refresh_token where it is asked for, or people sign in again every hour.',
    find: (evidence) =>
      registered(evidence.registrations).flatMap(({ client, body, answer }) => {
        const wrong =
          (body.grant_types as string[]).includes('refresh_token') &&
          listIn(answer, 'grant_types')?.includes('refresh_token') === false
        return when(wrong, `${client.name} is registered without refresh_token.`)
      }),
  },
  {
    id: 'registration-status',
    severity: 'warning',
    spec: 'RFC 7591 §3.2.1',
    fix: 'Answer 201 Created.',
    find: ({ registrations }) => {
      const other = registrations.find(
        ({ clientId, outcome }) => clientId !== undefined && outcome.answered && outcome.status !== 201,
      )
      return when(
        other?.outcome.answered,
        `A registration is answered ${other?.outcome.answered && other.outcome.status}, not 201.`,
      )
    },
  },
  {
    id: 'token-error-unreadable',
    severity: 'fault',
    spec: 'RFC 6749 §5.2',
    fix: 'Answer errors with a JSON object that has "error": without it a client cannot tell what went wrong.',
    find: ({ unknownClient }) =>
      when(
        unknownClient?.answered && unknownClient.status < 500 && errorOf(unknownClient.json) === undefined,
        `The token endpoint answers ${unknownClient?.answered && unknownClient.status} to an unknown client, without an OAuth error in JSON.`,
      ),
  },
  {
    id: 'unknown-client-not-told',
    severity: 'warning',
    spec: 'RFC 6749 §5.2',
    fix: 'Answer 401 invalid_client to a client id that you do not know (any more): then clients register again.',
    find({ unknownClient }) {
      if (!unknownClient?.answered || unknownClient.status >= 500) return []
      const error = errorOf(unknownClient.json)
      const right = unknownClient.status === 401 && error === 'invalid_client'
      return when(
        error !== undefined && !right,
        `A client id that nobody registered is answered ${unknownClient.status} ${error}, not 401 invalid_client.`,
      )
    },
  },
]

function registered(registrations: readonly RegistrationProbe[]) {
  return registrations.flatMap(({ client, body, outcome, clientId }) =>
    clientId !== undefined && outcome.answered
      ? [{ client, body, answer: outcome.json as Record<string, unknown> }]
      : [],
  )
}

function errorOf(json: unknown): string | undefined {
  return textIn(json as Record<string, unknown> | undefined, 'error')
}
