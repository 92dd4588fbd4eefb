// What each endpoint answers, and how fast: one request a probe that changes nothing, so that it can be sent before,
// during and after an outage.
import { setTimeout as wait } from 'node:timers/promises'
import { createPerson } from '@gatehouse/testing'
import { type Cluster, terminal } from './cluster.ts'
import {
  type Answer,
  approvedDevice,
  ask,
  authorizationRequest,
  deviceGrant,
  elsewhere,
  introspect,
  machineToken,
  post,
  whoami,
} from './wire.ts'

export interface Probe {
  readonly name: string
  readonly run: () => Promise<Pick<Answer, 'status' | 'took' | 'headers' | 'text'>>
  /** The status of an ordinary day. */
  readonly status: number
  /** The status while Redis is away. */
  readonly away: number
}

/** Signs somebody in first, so that there is a session, a token and a request that waits for an answer. */
export async function prepareProbes(cluster: Cluster): Promise<readonly Probe[]> {
  const { issuer, resource } = cluster
  const ada = createPerson(cluster)
  const device = await approvedDevice(cluster, ada)
  const { json: tokens } = await device.poll()
  const reader = createPerson(cluster)
  await reader.open(authorizationRequest(cluster).url)
  await reader.logIn('grace')
  const consent = `${issuer}/interaction/${reader.interaction()}`
  const html = { headers: { accept: 'text/html' } }
  const token = (fields: Readonly<Record<string, string>>) =>
    post(`${issuer}/token`, { client_id: terminal.client_id, ...fields })
  const metadata = new URL('/.well-known/oauth-protected-resource/mcp', resource).href

  const free = (name: string, run: Probe['run'], status = 200): Probe => ({ name, run, status, away: status })
  const bound = (name: string, run: Probe['run'], status = 200, away = 503): Probe => ({ name, run, status, away })
  return [
    free('GET /livez', () => ask(`${issuer}/livez`)),
    free('GET /jwks', () => ask(`${issuer}/jwks`)),
    free('GET /.well-known/oauth-authorization-server', () => ask(`${issuer}/.well-known/oauth-authorization-server`)),
    free('GET /.well-known/openid-configuration', () => ask(`${issuer}/.well-known/openid-configuration`)),
    free('GET / (page)', () => ask(issuer, html)),
    free('mcp: GET /livez', () => ask(new URL('/livez', resource).href)),
    free('mcp: GET /readyz', () => ask(new URL('/readyz', resource).href)),
    free('mcp: GET resource metadata', () => ask(metadata)),
    free('mcp: tool call with a valid token', () => whoami(cluster, tokens.access_token)),
    free('mcp: tool call with a bad token', () => whoami(cluster, 'bad'), 401),
    free('POST /token, client_credentials, client of the file', () => machineToken(cluster)),
    bound('GET /readyz', () => ask(`${issuer}/readyz`)),
    bound('POST /token, device_code', () => token({ grant_type: deviceGrant, device_code: 'unknown' }), 400),
    bound('POST /token, refresh_token', () => token({ grant_type: 'refresh_token', refresh_token: 'unknown' }), 400),
    bound(
      'POST /token, authorization_code',
      () => token({ grant_type: 'authorization_code', code: 'unknown', redirect_uri: 'http://127.0.0.1/callback' }),
      400,
    ),
    bound('POST /device_authorization', () =>
      post(`${issuer}/device_authorization`, { client_id: terminal.client_id, resource }, elsewhere()),
    ),
    bound(
      'POST /register',
      () =>
        ask(`${issuer}/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...elsewhere() },
          body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/'], token_endpoint_auth_method: 'none' }),
        }),
      201,
    ),
    bound('POST /introspect', () => introspect(cluster, tokens.access_token)),
    bound('POST /revoke', () => post(`${issuer}/revoke`, { client_id: terminal.client_id, token: 'unknown' })),
    bound('GET /device (page)', () => createPerson(cluster).open(`${issuer}/device`)),
    bound('GET /device (page), signed in', () => ada.open(`${issuer}/device?user_code=BCDF-GHJK`)),
    bound('GET /interaction (page), consent', () => reader.open(consent)),
    bound(
      'GET /authorize (page), app of the file',
      () => createPerson(cluster).open(authorizationRequest(cluster).url),
      200,
      303,
    ),
    bound(
      'GET /authorize (page), app that registered itself',
      () => createPerson(cluster).open(authorizationRequest(cluster, 'registered-once').url),
      400,
    ),
  ]
}

export interface Observation {
  readonly name: string
  readonly statuses: readonly number[]
  /** Milliseconds. */
  readonly median: number
  readonly slowest: number
  /** What those that answered 503 said of when to come back; `missing` if one said nothing. */
  readonly retryAfter?: string
}

/** All probes at the same time, so many times, without a pause. */
export function observeRounds(probes: readonly Probe[], rounds: number): Promise<readonly Observation[]> {
  let done = 0
  return observe(probes, { until: () => ++done === rounds, pause: 0 })
}

/** All probes at the same time, again and again until `until` says enough; at least once. */
export async function observe(
  probes: readonly Probe[],
  { until, pause = 250 }: { readonly until: () => boolean; readonly pause?: number },
): Promise<readonly Observation[]> {
  const rounds: Awaited<ReturnType<Probe['run']>>[][] = []
  for (;;) {
    rounds.push(await Promise.all(probes.map(({ run }) => run())))
    if (until()) break
    await wait(pause)
  }
  return probes.map(({ name }, index) => {
    const answers = rounds.map((round) => round[index] as (typeof round)[number])
    const times = answers.map(({ took }) => Math.round(took)).sort((a, b) => a - b)
    const refused = answers.filter(({ status }) => status === 503)
    const retryAfter = [...new Set(refused.map(({ headers }) => headers.get('retry-after') ?? 'missing'))].join(' ')
    return {
      name,
      statuses: [...new Set(answers.map(({ status }) => status))].sort(),
      median: times[Math.floor(times.length / 2)] ?? 0,
      slowest: times.at(-1) ?? 0,
      ...(retryAfter && { retryAfter }),
    }
  })
}
