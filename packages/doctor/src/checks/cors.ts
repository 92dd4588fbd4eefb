// Whether a client that is a page in a browser could do the same: the Fetch standard, CORS protocol.
import { type Check, when } from '../check.ts'
import { pageOrigin } from '../clients.ts'
import { type Evidence, pageHeaders } from '../evidence.ts'
import type { Answer, Outcome } from '../probe.ts'

const fetchStandard = 'Fetch standard, CORS protocol'

export const corsChecks: readonly Check[] = [
  {
    id: 'page-refused',
    severity: 'note',
    spec: 'MCP 2025-11-25 Transports, Security Warning',
    fix: 'If clients in a browser shall connect, allow their origins.',
    find: ({ unauthorized, fromPage }) =>
      when(
        fromPage.answered && fromPage.status === 403 && unauthorized.answered && unauthorized.status !== 403,
        `Pages on ${pageOrigin} are refused (403); that is right unless clients run in a browser.`,
      ),
  },
  {
    id: 'preflight-refused',
    severity: 'warning',
    spec: fetchStandard,
    fix: 'Answer OPTIONS with 2xx, without asking for a token, and Access-Control-Allow-Origin.',
    find: (evidence) =>
      isForPages(evidence) && evidence.preflight.answered
        ? when(
            !isAllowed(evidence.preflight),
            `OPTIONS on the MCP endpoint (${evidence.preflight.status}) allows no page to call.`,
          )
        : [],
  },
  {
    id: 'preflight-headers',
    severity: 'warning',
    spec: `${fetchStandard}; MCP 2026-07-28 Transports`,
    fix: `Name them in Access-Control-Allow-Headers; "*" does not cover authorization.`,
    find: (evidence) => {
      if (!isForPages(evidence) || !isAllowed(evidence.preflight)) return []
      const allowed = listOf(evidence.preflight, 'access-control-allow-headers')
      const lacking = pageHeaders.filter(
        (name) => !allowed.includes(name) && !(allowed.includes('*') && name !== 'authorization'),
      )
      return when(lacking.length > 0, `Pages may not send ${lacking.join(', ')} to the MCP endpoint.`)
    },
  },
  {
    id: 'headers-hidden',
    severity: 'warning',
    spec: `${fetchStandard}; RFC 9728 §5.1; MCP 2025-11-25 Transports, Session Management`,
    fix: 'Send Access-Control-Expose-Headers: WWW-Authenticate, Mcp-Session-Id with every answer, 401 included.',
    find: (evidence) => {
      if (!isForPages(evidence) || !isReadable(evidence.fromPage)) return []
      const exposed = listOf(evidence.fromPage, 'access-control-expose-headers')
      const hidden = ['WWW-Authenticate', 'Mcp-Session-Id'].filter(
        (name) => !exposed.includes(name.toLowerCase()) && !exposed.includes('*'),
      )
      return when(hidden.length > 0, `Pages cannot read ${hidden.join(' and ')}.`)
    },
  },
  {
    id: 'answer-hidden',
    severity: 'warning',
    spec: fetchStandard,
    fix: 'Send Access-Control-Allow-Origin with the 401, too: without it a page sees only that something failed.',
    find: (evidence) =>
      isForPages(evidence) && evidence.fromPage.answered
        ? when(!isReadable(evidence.fromPage), `Pages cannot read the ${evidence.fromPage.status} of the MCP endpoint.`)
        : [],
  },
  {
    id: 'metadata-hidden',
    severity: 'warning',
    spec: fetchStandard,
    fix: 'Send Access-Control-Allow-Origin: * with metadata: it is public.',
    find: ({ resourcePlaces, serverPlaces }) =>
      [...resourcePlaces, ...serverPlaces].flatMap(({ fromPage, document, outcome }) =>
        document && !isReadable(fromPage) ? [`Pages cannot read ${outcome.url}.`] : [],
      ),
  },
  {
    id: 'endpoint-preflight-refused',
    severity: 'warning',
    spec: fetchStandard,
    fix: 'Answer OPTIONS there with Access-Control-Allow-Origin and Access-Control-Allow-Headers: Content-Type.',
    find: ({ tokenPreflight, registrationPreflight }) =>
      [tokenPreflight, registrationPreflight].flatMap((preflight) => {
        if (!preflight?.answered) return []
        const headers = listOf(preflight, 'access-control-allow-headers')
        const allowed = isAllowed(preflight) && (headers.includes('content-type') || headers.includes('*'))
        return allowed ? [] : [`Pages may not call ${preflight.url} (OPTIONS: ${preflight.status}).`]
      }),
  },
  {
    id: 'credentials-allowed',
    severity: 'fault',
    spec: `${fetchStandard}; MCP 2025-11-25 Transports, Security Warning`,
    fix: 'Do not send Access-Control-Allow-Credentials: tokens come from script, never from the browser by itself.',
    find: ({ fromPage, preflight }) =>
      when(
        [fromPage, preflight].some(
          (outcome) =>
            outcome.answered &&
            outcome.headers.get('access-control-allow-credentials') === 'true' &&
            outcome.headers.get('access-control-allow-origin') === pageOrigin,
        ),
        'Any page may call the MCP endpoint with the credentials of the browser.',
      ),
  },
]

/** Whether the server lets pages come at all; if not, the rest of CORS does not matter. */
function isForPages({ fromPage, unauthorized }: Evidence): boolean {
  return fromPage.answered && unauthorized.answered && fromPage.status === unauthorized.status && fromPage.status < 404
}

function isReadable(outcome: Outcome): outcome is Answer {
  if (!outcome.answered) return false
  const allowed = outcome.headers.get('access-control-allow-origin')
  return allowed === '*' || allowed === pageOrigin
}

function isAllowed(outcome: Outcome): outcome is Answer {
  return isReadable(outcome) && outcome.status < 300
}

function listOf({ headers }: Answer, name: string): string[] {
  return (headers.get(name) ?? '').split(',').map((one) => one.trim().toLowerCase())
}
