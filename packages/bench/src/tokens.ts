// What tokens cost that no device waits for: those of a machine, and those that are renewed.
import { startTestRedis } from '@gatehouse/testing'
import { profiled } from './gateways.ts'
import { processorTime } from './kernel.ts'
import { type Measurement, OptionError } from './measurement.ts'
import { timeOfRedis } from './redis-time.ts'
import { refresh, type SignIn, signInOnDevices } from './refreshing.ts'
import { inRounds } from './rounds.ts'
import { robot, type Server, startBareProvider, startGatehouse, terminal } from './servers.ts'
import { compare, type Sample } from './statistics.ts'

const bareName = 'oidc-provider, in memory'
const requests = 500
const atOnce = 8
const roundCounts = { warmUp: 1, rounds: 6 }

interface Subject {
  readonly server: Server
  readonly redisUrl?: string
  readonly signIns: readonly SignIn[]
}

/** What a token request costs whose answer is a JWT that ES256 signs. */
export const tokens: Measurement = {
  about: 'what tokens cost: client_credentials, and refresh tokens that rotate, beside oidc-provider alone',
  options: ['--profile   leaves a processor profile of each Gatehouse in test-output/profiles'],
  async run(say, options) {
    const [option, ...rest] = options
    if (rest.length > 0 || (option !== undefined && option !== '--profile'))
      throw new OptionError('tokens takes --profile alone')
    say('starting servers')
    await using redis = await startTestRedis()
    await using servers = new AsyncDisposableStack()
    const env = option ? { NODE_OPTIONS: profiled.join(' ') } : {}
    const bare = servers.use(await startBareProvider())
    const start = async (store: { readonly redisUrl?: string }): Promise<Subject> => {
      const server = servers.use(await startGatehouse({ ...store, env }))
      return { server, ...store, signIns: await signInOnDevices(server, bare.refreshTokens.length) }
    }
    const ofBare = bare.refreshTokens.map((refreshToken) => ({ clientId: terminal.client_id, refreshToken }))
    const subjects: Readonly<Record<string, Subject>> = {
      [bareName]: { server: bare, signIns: ofBare },
      'Gatehouse, SQLite': await start({}),
      'Gatehouse, Redis': await start({ redisUrl: redis.url }),
    }
    say(`asking, ${roundCounts.warmUp + roundCounts.rounds} rounds of ${requests} of each kind`)
    const measured = Object.entries(subjects).flatMap(([name, subject]) => [
      [`client_credentials, ${name}`, () => measure(subject, askAsMachine)] as const,
      [`refresh, ${name}`, () => measure(subject, renewEach(subject.signIns))] as const,
    ])
    const samples = await inRounds(Object.fromEntries(measured), roundCounts)
    return ['client_credentials', 'refresh'].flatMap((kind) => {
      const ofKind = Object.entries(samples).filter(([name]) => name.startsWith(kind))
      return compare(Object.fromEntries(ofKind), `${kind}, ${bareName}`)
    })
  },
}

async function measure({ server, redisUrl }: Subject, ask: (server: Server) => Promise<void>): Promise<Sample> {
  const storeBefore = await timeOfRedis(redisUrl)
  const [before, began] = [processorTime(server.pid), performance.now()]
  let left = requests
  const next = async () => {
    while (left > 0) {
      left -= 1
      await ask(server)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
  const seconds = (performance.now() - began) / 1_000
  const processor = processorTime(server.pid) - before
  const ofStore = (await timeOfRedis(redisUrl)) - storeBefore
  return {
    'CPU ms a request': processor / requests,
    'requests a second': requests / seconds,
    ...(redisUrl && { 'CPU ms a request of Redis': ofStore / requests }),
  }
}

async function askAsMachine({ caller }: Server): Promise<void> {
  const { client_id, client_secret } = robot
  const form = { grant_type: 'client_credentials', client_id, client_secret }
  const { status, text } = await caller.post('/token', form)
  if (status !== 200) throw new Error(`There is no token: ${status} ${text}`)
}

/** One sign-in after the other: nobody has more of them than there are requests at once. */
function renewEach(signIns: readonly SignIn[]): (server: Server) => Promise<void> {
  let next = 0
  return async (server) => {
    const signIn = signIns[next % signIns.length]
    next += 1
    if (signIn) await refresh(server, signIn)
  }
}
