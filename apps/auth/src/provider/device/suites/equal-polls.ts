// Two servers that differ in one setting, FAST_PATHS, are sent the same polls, one after the other: what each answers, logs,
// counts, tells the audit and keeps of its codes has to be the same. Codes and ids are each server's own.
import { Agent, request as send } from 'node:http'
import { expect } from 'vitest'
import { type AuthServer, startAuthServer } from '../../../harness/auth-server.ts'
import { otherTerminal, staticClients, terminal } from '../../../harness/clients.ts'
import { askAsDevice } from '../../../harness/flows.ts'
import type { Store } from '../../../store/contract.ts'
import { type Chance, createChance, createPoll, type Device, pick, type Sent } from './mutated-polls.ts'

/** A store for one server, and what is in it of the pace of a code once the server is closed. */
export interface Place {
  readonly options: Parameters<typeof startAuthServer>[0]
  readonly wrapStore: (store: Store) => Store
  readonly paceOf: (deviceCode: string) => Promise<unknown>
}

export interface Differential {
  readonly seed: number
  readonly polls: number
  /** Seconds from one poll to the next, at least: 1 where the store has a clock of its own, which is not exact. */
  readonly step: number
  /** One for each server. */
  readonly places: readonly [Place, Place]
}

/** What was compared: no fault is no proof where little was. */
export interface Counts {
  readonly polls: number
  /** By status and error. */
  readonly answers: Readonly<Record<string, number>>
  /** Answered without the engine. */
  readonly short: number
}

const deviceCount = 12
const appliance = {
  ...terminal,
  client_id: 'appliance',
  client_secret: 'secret-of-the-appliance-0123456789',
  token_endpoint_auth_method: 'client_secret_post',
}

export async function comparePolls({ seed, polls, step, places }: Differential): Promise<Counts> {
  const chance = createChance(seed)
  let short = 0
  const counted = (store: Store): Store => ({
    ...store,
    deviceCodes: {
      ...store.deviceCodes,
      async pollStamped(...poll) {
        const outcome = await store.deviceCodes.pollStamped(...poll)
        if (outcome === 'early' || outcome === 'undecided') short += 1
        return outcome
      },
    },
  })
  const start = (place: Place, fastPaths: string) =>
    startAuthServer({
      ...place.options,
      clients: [...staticClients, appliance],
      environment: {
        FAST_PATHS: fastPaths,
        TRUST_PROXY: '127.0.0.0/8',
        ...place.options?.environment,
      },
      wrapStore: (store) => counted(place.wrapStore(store)),
    })
  const agent = new Agent({ keepAlive: true })
  const answers: Record<string, number> = {}
  const all: Device[] = []
  {
    await using on = await start(places[0], 'on')
    await using off = await start(places[1], 'off')
    const servers = [on, off] as const
    const devices: Device[] = []
    for (let index = 0; index < deviceCount; index += 1) devices.push(await ask(servers, chance))
    all.push(...devices)
    for (let index = 0; index < polls; index += 1) {
      const what = chance()
      on.elapse(step)
      if (what < 0.35) on.elapse(pick(chance, [1, 2, 4, 5, 6, 11, 31]))
      else if (what < 0.37) {
        const device = await ask(servers, chance)
        all.push(device)
        devices[Math.floor(chance() * deviceCount)] = device
      } else if (what < 0.4) await decide(servers, pick(chance, devices), chance)
      else if (what < 0.404) on.elapse(601)
      const poll = createPoll(chance, devices)
      const [first, second] = [await exchange(agent, on, poll(0)), await exchange(agent, off, poll(1))]
      expect(first, `poll ${index} of seed ${seed}: ${JSON.stringify(poll(0)).slice(0, 2_000)}`).toEqual(second)
      const kind = `${first.status} ${first.error}`
      answers[kind] = (answers[kind] ?? 0) + 1
    }
    for (const device of all) {
      const [first, second] = await Promise.all(servers.map(({ store }, i) => recordOf(store, device.codes[i] ?? '')))
      expect(first).toEqual(second)
    }
    await expect.poll(() => completed(on)).toBe(completed(off))
    expect(toldBy(on)).toEqual(toldBy(off))
    expect(on.audit().map(withoutIds)).toEqual(off.audit().map(withoutIds))
    expect(await countersOf(on)).toEqual(await countersOf(off))
  }
  agent.destroy()
  for (const { codes } of all) expect(await places[0].paceOf(codes[0])).toEqual(await places[1].paceOf(codes[1]))
  return { polls, answers, short }
}

interface AskedDevice extends Device {
  readonly userCodes: readonly [string, string]
}

async function ask(servers: readonly [AuthServer, AuthServer], chance: Chance): Promise<AskedDevice> {
  const clientId = pick(chance, [terminal.client_id, terminal.client_id, otherTerminal.client_id, 'appliance'])
  const fields = {
    client_id: clientId,
    ...(clientId === 'appliance' && { client_secret: appliance.client_secret }),
    ...(chance() < 0.3 && { resource: 'http://localhost:3000/mcp' }),
  }
  const from = { 'x-forwarded-for': `203.0.113.${Math.floor(chance() * 250)}` }
  const [first, second] = [await askAsDevice(servers[0], fields, from), await askAsDevice(servers[1], fields, from)]
  return { clientId, codes: [first.deviceCode, second.deviceCode], userCodes: [first.userCode, second.userCode] }
}

const uuid = /[\da-f]{8}-[\da-f-]{27}/g

/** A person enters the code, perhaps signs in, and perhaps decides. */
async function decide(servers: readonly [AuthServer, AuthServer], device: Device, chance: Chance): Promise<void> {
  const how = pick(chance, ['enter', 'sign in', 'approve', 'refuse'] as const)
  for (const [index, server] of servers.entries()) {
    const browser = server.openBrowser()
    await browser.enterCode((device as AskedDevice).userCodes[index] ?? '')
    // it may be over, or decided
    if (browser.page.heading !== 'Sign in to connect a device' || how === 'enter') continue
    await browser.logIn()
    if (how === 'approve') await browser.approve()
    if (how === 'refuse') await browser.refuse()
  }
}

interface Received {
  readonly status: number
  readonly error: string
  readonly headers: readonly string[]
  readonly text: string
}

function exchange(agent: Agent, server: AuthServer, { method, path, headers, body }: Sent): Promise<Received> {
  return new Promise((resolve, reject) => {
    const options = { agent, host: '127.0.0.1', port: server.port, method, path }
    const own = { host: new URL(server.issuer).host, 'content-length': String(Buffer.byteLength(body)) }
    const request = send({ ...options, headers: { ...own, ...headers } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, rawHeaders } = response
        const text = withoutPort(Buffer.concat(chunks).toString(), server).replace(uuid, 'UUID')
        const said = /"error":"(\w+)"/.exec(text)?.[1] ?? ''
        const isToken = status === 200 && text.includes('access_token')
        const raw = rawHeaders.map((each, i) => (rawHeaders[i - 1] === 'Date' ? '' : withoutPort(each, server)))
        resolve({ status, error: said, headers: raw, text: isToken ? 'tokens' : text })
      })
    })
    request.on('error', (error) => reject(new Error(`${method} ${path} ${JSON.stringify(headers)}`, { cause: error })))
    request.end(body)
  })
}

async function recordOf(store: Store, deviceCode: string): Promise<unknown> {
  const record = await store.records.find('DeviceCode', deviceCode)
  const { jti, userCode, grantId, sessionUid, accountId, params, deviceInfo, ...rest } = record?.payload ?? {}
  const known = [userCode, grantId, sessionUid].map((id) => typeof id)
  // Redis has a clock of its own
  const consumedAt = Math.round((record?.consumedAt ?? 0) / 1_000)
  return { ...rest, known, accountId, params, consumedAt }
}

/** A number may have the digits of the port in it, too. */
const withoutPort = (text: string, { port }: AuthServer): string => text.replaceAll(`:${port}`, ':PORT')
const lines = (server: AuthServer): Record<string, unknown>[] =>
  server
    .log()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line, (_, member) => (typeof member === 'string' ? withoutPort(member, server) : member)))
const completed = (server: AuthServer) => lines(server).filter(({ msg }) => msg === 'request completed').length

/** The lines of each request, and those that are of none. */
function toldBy(server: AuthServer): unknown {
  const byRequest = new Map<unknown, unknown[]>()
  for (const { time, responseTime, reqId, ...line } of lines(server)) {
    const ofSame = byRequest.get(reqId) ?? []
    ofSame.push(line)
    byRequest.set(reqId, ofSame)
  }
  return [...byRequest.values()]
}

/** Ids are made, and of a kind. */
function withoutIds(line: object): object {
  const made = new Set(['time', 'request', 'flow', 'grant', 'token', 'id'])
  return Object.fromEntries(Object.entries(line).map(([name, value]) => [name, made.has(name) ? typeof value : value]))
}

async function countersOf(server: AuthServer): Promise<readonly string[]> {
  const text = await server.metrics()
  return text.split('\n').filter((line) => line !== '' && !/_bucket|_sum|^#/.test(line))
}
