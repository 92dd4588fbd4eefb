// Registering as clients do, to see whether they could (RFC 7591), and taking it back where the server lets us (RFC 7592).
import { type KnownClient, knownClients, type RegistrationFacts } from './clients.ts'
import { documentIn, textIn } from './document.ts'
import type { Outcome, Probe } from './probe.ts'

/** Which clients to register as. */
export type RegistrationScope = 'none' | 'one' | 'all'

export interface RegistrationProbe {
  readonly client: KnownClient
  readonly body: Readonly<Record<string, unknown>>
  readonly outcome: Outcome
  /** What the server registered, if it did. */
  readonly clientId: string | undefined
  /** Whether it was deleted again. */
  readonly deleted: boolean
}

export interface RegistrationOptions extends RegistrationFacts {
  readonly probe: Probe
  readonly register: RegistrationScope
}

/** The one client whose body has the most that a server can refuse: https, loopback with and without a port, device. */
const one = 'VS Code'

export async function probeRegistrations(
  endpoint: string,
  { probe, register, ...facts }: RegistrationOptions,
): Promise<RegistrationProbe[]> {
  const probes: RegistrationProbe[] = []
  for (const client of knownClients) {
    if (register === 'none' || (register === 'one' && client.name !== one)) continue
    const body = client.body(facts)
    const headers = { 'content-type': 'application/json' }
    const outcome = await probe(endpoint, { method: 'POST', headers, body: JSON.stringify(body) })
    const clientId = registeredId(outcome)
    const deleted = clientId !== undefined && (await unregister(endpoint, outcome, probe))
    probes.push({ client, body, outcome, clientId, deleted })
  }
  return probes
}

function registeredId(outcome: Outcome): string | undefined {
  if (!outcome.answered || outcome.status >= 300) return undefined
  const id = (outcome.json as { client_id?: unknown } | undefined | null)?.client_id
  return typeof id === 'string' && id !== '' ? id : undefined
}

/** RFC 7592 §2.3. The token goes to the registration endpoint's own origin only. */
async function unregister(endpoint: string, outcome: Outcome, probe: Probe): Promise<boolean> {
  const document = outcome.answered ? documentIn({ ...outcome, status: 200 }) : undefined
  const [uri, token] = [textIn(document, 'registration_client_uri'), textIn(document, 'registration_access_token')]
  if (uri === undefined || token === undefined || URL.parse(uri)?.origin !== new URL(endpoint).origin) return false
  const deleted = await probe(uri, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } })
  return deleted.answered && deleted.status < 300
}
