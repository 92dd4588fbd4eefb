// Whether the addresses can be asked at all, and how they answer.
import { safeUrl } from '@gatehouse/network'
import { isLoopbackHost } from '@gatehouse/shared'
import { type Check, when } from '../check.ts'
import { everyClient } from '../clients.ts'
import { type Document, textIn } from '../document.ts'
import type { Evidence } from '../evidence.ts'
import type { Outcome } from '../probe.ts'

/** Seconds after which an answer is slow: clients wait 5 to 30. */
const slow = 3

const addressMembers = [
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'device_authorization_endpoint',
  'revocation_endpoint',
  'jwks_uri',
] as const

export const reachabilityChecks: readonly Check[] = [
  {
    id: 'not-https',
    severity: 'fault',
    spec: 'MCP 2026-07-28 Authorization Security, Communication Security',
    fix: 'Serve it over https; http is for this computer only.',
    stops: ['Claude', 'ChatGPT'],
    find: ({ url }) =>
      when(
        url.protocol === 'http:' && !isLoopbackHost(url.hostname),
        `${url.href} is not encrypted: tokens would be read by others.`,
      ),
  },
  {
    id: 'unsafe-address',
    severity: 'fault',
    spec: 'MCP 2026-07-28 Authorization Security, Communication Security; RFC 8414 §2',
    fix: 'Give https addresses (http only for this computer) that are reachable from where the clients are.',
    stops: everyClient,
    find: (evidence) => [...unsafeMembers(evidence), ...refusedAddresses(evidence)],
  },
  {
    id: 'wrong-host',
    severity: 'fault',
    spec: 'RFC 9110 §15.5.20',
    fix: 'Give people the address that the server answers to, or have it answer to this one.',
    stops: everyClient,
    find: ({ url, unauthorized, resource }) =>
      when(unauthorized.answered && unauthorized.status === 421, {
        what: `The server does not answer to the name ${url.host} (421).`,
        ...useNamed(url, resource),
      }),
  },
  {
    id: 'not-found',
    severity: 'fault',
    spec: 'MCP 2025-11-25 Transports, Streamable HTTP',
    fix: 'Check the path: this has to be the MCP endpoint, and it has to take POST.',
    stops: everyClient,
    find({ url, unauthorized, resource }) {
      const { status } = unauthorized.answered ? unauthorized : { status: 0 }
      return when(status === 404 || status === 405, {
        what: `${url.pathname} answers ${status} to POST: no MCP server is there.`,
        ...useNamed(url, resource),
      })
    },
  },
  {
    id: 'unavailable',
    severity: 'fault',
    spec: 'RFC 9110 §15.6',
    fix: 'Look into the log of the server at that address.',
    find: ({ outcomes, unauthorized }) =>
      outcomes.flatMap((outcome) => {
        const what = whatFailed(outcome)
        return what === undefined ? [] : [{ what, stops: outcome === unauthorized ? everyClient : [] }]
      }),
  },
  {
    id: 'redirected',
    severity: 'warning',
    spec: 'RFC 9728 §3.2, RFC 8414 §3.2',
    fix: 'Answer at that address itself: clients that send tokens or secrets do not follow redirects.',
    find: ({ outcomes }) =>
      unique(
        outcomes.flatMap((outcome) => {
          if (!outcome.answered) return []
          const target = outcome.redirects[0] ?? (isRedirect(outcome.status) && outcome.headers.get('location'))
          return target ? [`${outcome.method} ${outcome.url} redirects to ${target}.`] : []
        }),
      ),
  },
  {
    id: 'slow',
    severity: 'warning',
    spec: 'MCP 2025-11-25 Lifecycle, Timeouts',
    fix: 'Find out what it waits for; hosted clients give up after a few seconds.',
    find: ({ outcomes }) =>
      unique(
        outcomes.flatMap((outcome) =>
          outcome.answered && outcome.seconds > slow
            ? [`${outcome.method} ${outcome.url} took ${outcome.seconds.toFixed(1)} s.`]
            : [],
        ),
      ),
  },
]

/** Where the metadata names another address, that is most likely the one that was meant. */
function useNamed(url: URL, resource: Document | undefined): { fix: string } | undefined {
  const named = textIn(resource, 'resource')
  if (named === undefined || URL.parse(named)?.href === url.href) return undefined
  return { fix: `Give people the address that its metadata names: ${named}` }
}

function unsafeMembers({ issuer, server }: Evidence): string[] {
  const named = [
    ['authorization_servers', issuer] as const,
    ...addressMembers.map((one) => [one, textIn(server, one)] as const),
  ]
  return named.flatMap(([member, address]) =>
    address === undefined || isSafe(address) ? [] : [`${member} is "${address}", which no client may use.`],
  )
}

function refusedAddresses({ outcomes }: Evidence): string[] {
  return unique(
    outcomes.flatMap((outcome) =>
      !outcome.answered && outcome.problem.code === 'unsafe_address'
        ? [`${outcome.url} was not asked: ${outcome.problem.reason ?? outcome.problem.message}`]
        : [],
    ),
  )
}

function whatFailed(outcome: Outcome): string | undefined {
  const { method, url } = outcome
  if (outcome.answered) return outcome.status >= 500 ? `${method} ${url} answers ${outcome.status}.` : undefined
  const { code, reason, message } = outcome.problem
  if (code === 'unsafe_address') return undefined // told by that check
  return `${method} ${url} ${code === 'unreachable' ? 'does not answer' : 'cannot be used'}: ${reason ?? message}`
}

function isSafe(address: string): boolean {
  try {
    safeUrl(address, 'metadata')
    return true
  } catch {
    return false
  }
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}
