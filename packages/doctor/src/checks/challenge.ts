// What the server answers to somebody without a token, or with a bad one.
import { type Check, when } from '../check.ts'
import { everyClient } from '../clients.ts'
import type { Evidence } from '../evidence.ts'
import type { Answer, Outcome } from '../probe.ts'

/** What other checks tell: not found, another host, out of order. */
const toldElsewhere = new Set([404, 405, 421])

export const challengeChecks: readonly Check[] = [
  {
    id: 'no-sign-in',
    severity: 'note',
    spec: 'MCP 2026-07-28 Authorization, Protocol Requirements',
    fix: 'If everybody may use it, nothing is to be done.',
    find: (evidence) =>
      when(
        isOpen(evidence) && !evidence.resource,
        'The server answers without a token and publishes no metadata: it asks for no sign-in.',
      ),
  },
  {
    id: 'no-challenge',
    severity: 'warning',
    spec: 'RFC 6750 §3; MCP 2026-07-28 Authorization, Token Requirements',
    fix: 'Answer 401 to every request without a token, "initialize" included, or clients do not know that they may sign in.',
    find: (evidence) =>
      when(
        isOpen(evidence) && evidence.resource !== undefined,
        'The server publishes how to sign in, but answers "initialize" without a token.',
      ),
  },
  {
    id: 'no-401',
    severity: 'fault',
    spec: 'RFC 6750 §3; MCP 2026-07-28 Authorization, Error Handling',
    fix: 'Judge the token before anything else, and answer 401 where it is missing.',
    stops: everyClient,
    find({ unauthorized }) {
      const wrong = told(unauthorized) && unauthorized.status !== 401 && unauthorized.status >= 300
      return when(
        wrong,
        `A request without a token is answered ${unauthorized.answered && unauthorized.status}, not 401.`,
      )
    },
  },
  {
    id: 'no-www-authenticate',
    severity: 'fault',
    spec: 'RFC 9110 §15.5.2; RFC 9728 §5.1',
    fix: 'Send WWW-Authenticate: Bearer resource_metadata="…" with every 401.',
    find: ({ unauthorized, challenge }) =>
      when(is401(unauthorized) && !challenge, 'The 401 has no WWW-Authenticate header.'),
  },
  {
    id: 'challenge-not-bearer',
    severity: 'fault',
    spec: 'RFC 6750 §3',
    fix: 'Send a Bearer challenge.',
    stops: everyClient,
    find: ({ challenge }) =>
      when(
        challenge && challenge.scheme.toLowerCase() !== 'bearer',
        `The challenge asks for "${challenge?.scheme}", not for Bearer.`,
      ),
  },
  {
    id: 'challenge-without-metadata',
    severity: 'warning',
    spec: 'RFC 9728 §5.1',
    fix: 'Add resource_metadata="…" with the address of the RFC 9728 document.',
    find: ({ challenge }) =>
      when(
        isBearer(challenge) && challenge?.parameters.resource_metadata === undefined,
        'The challenge does not say where the metadata is.',
      ),
  },
  {
    id: 'challenge-metadata-address',
    severity: 'fault',
    spec: 'RFC 9728 §5.1',
    fix: 'Write the whole address, https:// included.',
    find({ challenge }) {
      const address = challenge?.parameters.resource_metadata
      return when(
        address !== undefined && !URL.canParse(address),
        `resource_metadata is "${address}", which is no absolute address.`,
      )
    },
  },
  {
    id: 'challenge-metadata-missing',
    severity: 'fault',
    spec: 'RFC 9728 §5.1',
    fix: 'Serve the document there, or name the address where it is.',
    stops: ['VS Code'],
    find: ({ resourcePlaces }) =>
      resourcePlaces.flatMap(({ kind, outcome, document }) =>
        kind === 'named' && outcome.answered && !document && outcome.status < 500
          ? [`The challenge names ${outcome.url}, which answers ${outcome.status} without a metadata document.`]
          : [],
      ),
  },
  {
    id: 'challenge-with-error',
    severity: 'warning',
    spec: 'RFC 6750 §3.1',
    fix: 'Leave out error and error_description where no token was sent: clients take it for a token that went bad.',
    find({ challenge }) {
      const error = challenge?.parameters.error
      return when(error !== undefined, `The challenge says error="${error}" although no token was sent.`)
    },
  },
  {
    id: 'challenge-without-scope',
    severity: 'note',
    spec: 'MCP 2026-07-28 Authorization, Scope Selection Strategy',
    fix: 'Add scope="…" with what a client needs to begin.',
    find: ({ challenge }) =>
      when(
        isBearer(challenge) && challenge?.parameters.scope === undefined,
        'The challenge names no scope; clients then ask for everything there is.',
      ),
  },
  {
    id: 'late-guard',
    severity: 'warning',
    spec: 'MCP 2026-07-28 Authorization, Token Requirements',
    fix: 'Judge the token before the protocol version and the method.',
    find({ unauthorized, discover }) {
      const wrong = is401(unauthorized) && told(discover) && discover.status !== 401 && discover.status < 500
      return when(
        wrong,
        `"server/discover" (2026-07-28) without a token is answered ${discover.answered && discover.status}, not 401.`,
      )
    },
  },
  {
    id: 'bad-token-accepted',
    severity: 'fault',
    spec: 'MCP 2026-07-28 Authorization, Token Handling',
    fix: 'Refuse tokens that you cannot verify.',
    find: ({ unauthorized, badToken }) =>
      when(is401(unauthorized) && isOk(badToken), 'A token that nobody issued is accepted.'),
  },
  {
    id: 'bad-token-status',
    severity: 'fault',
    spec: 'RFC 6750 §3.1; MCP 2026-07-28 Authorization, Token Handling',
    fix: 'Answer 401 with error="invalid_token": on nothing else do clients renew their token.',
    find({ unauthorized, badToken }) {
      const wrong =
        is401(unauthorized) && told(badToken) && !isOk(badToken) && badToken.status !== 401 && badToken.status < 500
      return when(wrong, `A bad token is answered ${badToken.answered && badToken.status}, not 401.`)
    },
  },
  {
    id: 'bad-token-error',
    severity: 'warning',
    spec: 'RFC 6750 §3.1',
    fix: 'Add error="invalid_token" to the challenge.',
    find: ({ badToken }) =>
      when(
        is401(badToken) && !/error="?invalid_token/.test(badToken.headers.get('www-authenticate') ?? ''),
        'The 401 for a bad token does not say error="invalid_token".',
      ),
  },
]

function is401(outcome: Outcome): outcome is Answer {
  return outcome.answered && outcome.status === 401
}

function isOk(outcome: Outcome): boolean {
  return outcome.answered && outcome.status < 300
}

function isOpen({ unauthorized }: Evidence): boolean {
  return isOk(unauthorized)
}

function isBearer(challenge: Evidence['challenge']): boolean {
  return challenge?.scheme.toLowerCase() === 'bearer'
}

/** Whether the status is one that no other check tells of. */
function told(outcome: Outcome): outcome is Answer {
  return outcome.answered && !toldElsewhere.has(outcome.status) && outcome.status < 500
}
