// What is asked of a server whose store is large: so many requests of each kind, several at once.
import { preciseProcessorTime } from '../kernel.ts'
import { timeOfRedis } from '../redis-time.ts'
import { deviceGrant, robot } from '../servers.ts'
import type { Sample } from '../statistics.ts'
import type { Deployment } from './deployment.ts'

const atOnce = 8
const metadata = {
  client_name: 'Bench',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['https://app.example.com/callback'],
}

interface Kind {
  readonly name: string
  /** In one round. Of registrations and device authorizations there may be no more than limits/matrix.ts has for an hour and for ten minutes. */
  readonly count: number
  /** `number` is of the request in its round. Resolves with whether it was answered as it has to be. */
  readonly ask: (server: Deployment, number: number, codes: string[]) => Promise<boolean>
}

const kinds: readonly Kind[] = [
  {
    name: 'client_credentials',
    count: 200,
    async ask({ caller }) {
      const { client_id, client_secret } = robot
      const answer = await caller.post('/token', { grant_type: 'client_credentials', client_id, client_secret })
      return answer.status === 200
    },
  },
  {
    name: 'device authorization',
    count: 120,
    async ask({ caller, clientId, nextAddress }, _number, codes) {
      const headers = { 'x-forwarded-for': nextAddress() }
      const { status, text } = await caller.post('/device_authorization', { client_id: clientId }, headers)
      if (status === 200) codes.push(JSON.parse(text).device_code)
      return status === 200
    },
  },
  {
    name: 'pending poll',
    count: 120,
    async ask({ caller, clientId }, number, codes) {
      const form = { grant_type: deviceGrant, client_id: clientId, device_code: codes[number] ?? '' }
      const { status, text } = await caller.post('/token', form)
      return status === 400 && text.includes('authorization_pending')
    },
  },
  {
    name: 'refresh',
    count: 120,
    async ask({ caller, clientId, refreshTokens }) {
      const refresh_token = refreshTokens.shift() ?? ''
      const { status, text } = await caller.post('/token', {
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token,
      })
      refreshTokens.push(status === 200 ? JSON.parse(text).refresh_token : refresh_token)
      return status === 200
    },
  },
  {
    name: 'registration',
    count: 100,
    async ask({ caller, nextAddress }) {
      const { status } = await caller.postJson('/register', metadata, { 'x-forwarded-for': nextAddress() })
      return status === 201
    },
  },
]

/** One round. Throws if more than a few are answered otherwise than expected, as they are by a machine that is too busy. */
export async function askAll(server: Deployment): Promise<Sample> {
  const sample: Record<string, number> = {}
  const codes: string[] = []
  for (const { name, count, ask } of kinds) {
    const before = [preciseProcessorTime(server.pid()), await timeOfRedis(server.redisUrl)] as const
    let begun = 0
    let failed = 0
    const next = async () => {
      while (begun < count) {
        begun += 1
        if (!(await ask(server, begun - 1, codes))) failed += 1
      }
    }
    await Promise.all(Array.from({ length: atOnce }, next))
    if (failed > count / 10) throw new Error(`${name}: ${failed} of ${count} were answered otherwise than expected`)
    sample[`CPU ms, ${name}`] = (preciseProcessorTime(server.pid()) - before[0]) / count
    if (!server.redisUrl) continue
    sample[`CPU ms of Redis, ${name}`] = ((await timeOfRedis(server.redisUrl)) - before[1]) / count
  }
  return sample
}
