import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below what systems give to connections that go out: one of those could take a port between the look and its use. */
const first = 12_000
const last = 32_000

/** Ports that nobody listened on a moment ago. Held all at once, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, hold))
  await Promise.all(held.map(({ server }) => new Promise((resolve) => server.close(resolve))))
  return held.map(({ port }) => port)
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

async function hold() {
  for (;;) {
    const port = randomInt(first, last)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) =>
      server.once('error', () => resolve(false)).listen(port, 'localhost', () => resolve(true)),
    )
    if (isFree) return { port, server }
  }
}
