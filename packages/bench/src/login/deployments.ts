// Where people sign in: the services as processes, with the wire at the issuer's address.
import { freePorts, startStack, startTestRedis, type TestRedis } from '@gatehouse/testing'
import { startWire, type Wire } from './wire.ts'

export const stores = ['sqlite', 'redis', 'two-replicas'] as const
export type Store = (typeof stores)[number]

export interface Deployment extends AsyncDisposable {
  readonly issuer: string
  readonly resource: string
  readonly wire: Wire
}

/**
 * `hold` is AUTH_HOLD_SECONDS; without it the default of the server. With two replicas clients are served by one, and
 * people by the other: the decision is never made where a device waits.
 */
export async function openDeployment(store: Store, hold: number | undefined): Promise<Deployment> {
  const [door = 0, first = 0, second = 0] = await freePorts(3)
  const issuer = `http://localhost:${door}`
  const opened: AsyncDisposable[] = []
  const open = async <T extends AsyncDisposable>(opening: Promise<T>): Promise<T> => {
    const one = await opening
    opened.push(one)
    return one
  }
  const dispose = async () => {
    for (const one of opened.toReversed()) await one[Symbol.asyncDispose]()
  }
  try {
    const redis: TestRedis | undefined = store === 'sqlite' ? undefined : await open(startTestRedis())
    const common = { NODE_ENV: 'production', LOG_LEVEL: 'info', ...(redis && { REDIS_URL: redis.url }) }
    const auth = {
      ...common,
      AUTH_ISSUER: issuer,
      AUTH_SECRET: 'the one that the replicas of this measurement share',
      AUTH_DEV_LOGIN: 'true',
      AUTH_LIFETIMES: '{}', // a test's devices poll faster than real ones
      TRUST_PROXY: '127.0.0.0/8,::1',
      ...(hold !== undefined && { AUTH_HOLD_SECONDS: String(hold) }),
    }
    const people = store === 'two-replicas' ? second : first
    const wire = await open(startWire(door, { clients: first, people }))
    const { resource } = await open(
      startStack({ env: { auth: { ...auth, PORT: String(first) }, mcp: { ...common, MCP_ISSUER: issuer } } }),
    )
    if (people !== first) {
      const resources = JSON.stringify([{ resource, name: 'Gatehouse MCP server' }])
      const env = { auth: { ...auth, PORT: String(second), AUTH_RESOURCES: resources } }
      await open(startStack({ services: ['auth'], env }))
    }
    return { issuer, resource, wire, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
