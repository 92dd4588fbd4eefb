// The doctor: walks discovery, registration and a challenge as Claude, ChatGPT, VS Code, Cursor and the Inspector do,
// against any MCP server, and names what is in their way. It signs in nowhere and sends no secret.
import { cleanLine } from '@gatehouse/network'
import type { Finding, Severity } from './check.ts'
import { checks } from './checks/index.ts'
import { takesDocuments, takesNone } from './checks/server-metadata.ts'
import { type ClientName, type KnownClient, knownClients } from './clients.ts'
import { textIn } from './document.ts'
import { type Evidence, gather } from './evidence.ts'
import { createProbe, type ProbeOptions } from './probe.ts'
import type { RegistrationScope } from './registrations.ts'

export interface ExamineOptions extends ProbeOptions {
  readonly register: RegistrationScope
}

/** How a client gets its client id: from its metadata document, by registering, or from a person. */
type Identification = 'document' | 'registration' | 'given'

export interface ClientVerdict {
  readonly name: ClientName
  readonly identification: Identification
  /** Whether it was tried: registering was. */
  readonly tried: boolean
  /** The findings that keep it from connecting. */
  readonly stoppedBy: readonly string[]
}

/** A client that the examination left on the server. */
export interface LeftBehind {
  readonly name: ClientName
  readonly clientId: string
}

/** Texts are cleaned and cut. */
export interface Diagnosis {
  readonly url: string
  readonly issuer: string | undefined
  /** Faults first, then warnings, then notes. */
  readonly findings: readonly Finding[]
  readonly clients: readonly ClientVerdict[]
  readonly leftBehind: readonly LeftBehind[]
  /** How many requests were made. */
  readonly requests: number
}

const order: readonly Severity[] = ['fault', 'warning', 'note']

/** Examines one server. Throws what the first request met when there is no answer at all. */
export async function examine({ register, ...options }: ExamineOptions): Promise<Diagnosis> {
  const evidence = await gather({ url: options.start, probe: createProbe(options), register })
  const { unauthorized, issuer, registrations, outcomes } = evidence
  if (!unauthorized.answered) throw unauthorized.problem
  const findings = findIn(evidence)
  return {
    url: options.start.href,
    issuer: issuer && cleanLine(issuer),
    findings,
    clients: knownClients.map((client) => judge(client, evidence, findings)),
    leftBehind: registrations.flatMap(({ client, clientId, deleted }) =>
      clientId === undefined || deleted ? [] : [{ name: client.name, clientId: cleanLine(clientId, 80) }],
    ),
    requests: outcomes.length,
  }
}

function findIn(evidence: Evidence): Finding[] {
  const findings = checks.flatMap(({ id, severity, fix, spec, stops = [], find }) =>
    find(evidence).map((found) => {
      const { what, ...own } = typeof found === 'string' ? { what: found } : found
      return { id, severity, fix, spec, stops, ...own, what: cleanLine(what, 400) }
    }),
  )
  return sortFindings(findings)
}

/** Faults first, then warnings, then notes. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((one, other) => order.indexOf(one.severity) - order.indexOf(other.severity))
}

function judge(client: KnownClient, evidence: Evidence, findings: readonly Finding[]): ClientVerdict {
  const { name } = client
  const identification = identificationOf(client, evidence)
  return {
    name,
    identification,
    tried: evidence.registrations.some((probe) => probe.client.name === name),
    stoppedBy: [
      ...new Set(
        findings
          // What is wrong with registering does not touch a client that brings its document.
          .filter(({ id }) => identification !== 'document' || !id.startsWith('registration-'))
          .filter(({ stops }) => stops.includes(name))
          .map(({ id }) => id),
      ),
    ],
  }
}

function identificationOf({ document, documentNeedsNone }: KnownClient, { server }: Evidence): Identification {
  const usesDocument = document !== undefined && takesDocuments(server) && (!documentNeedsNone || takesNone(server))
  if (usesDocument) return 'document'
  return textIn(server, 'registration_endpoint') === undefined ? 'given' : 'registration'
}
