import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RedisFolder, RedisProgram } from './redis-program.ts'

/** A folder of this machine, for redis-server or valkey-server from the PATH. */
export function createRedisDirectory(): RedisFolder {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-redis-'))
  const started: Promise<RedisProgram>[] = []
  return {
    async start(options, configuration) {
      const file = join(folder, `${randomUUID()}.conf`)
      if (configuration !== undefined) writeFileSync(file, configuration)
      const words = [...(configuration === undefined ? [] : [file]), '--dir', folder, ...options]
      const starting = startAny(words)
      started.push(starting)
      return await starting
    },
    async [Symbol.asyncDispose]() {
      for (const starting of started) {
        const program = await starting.catch(() => undefined)
        await program?.signal('SIGKILL')
        await program?.exited
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function startAny(words: readonly string[]): Promise<RedisProgram> {
  const program = (await startProcess('redis-server', words)) ?? (await startProcess('valkey-server', words))
  if (program) return program
  throw new Error(
    'The tests need a Redis (7 or later): put redis-server or valkey-server on the PATH, or start Docker. One in a virtual machine, or TEST_REDIS_URL, serves only the tests that leave Redis alone.',
  )
}

/** Undefined if there is no such command. */
async function startProcess(command: string, words: readonly string[]): Promise<RedisProgram | undefined> {
  const server = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  let hasExited = false
  const exited = once(server, 'exit').then(
    () => {
      hasExited = true
    },
    () => undefined,
  )
  try {
    await once(server, 'spawn')
  } catch {
    return undefined
  }
  return {
    signal: async (signal) => void server.kill(signal),
    hasExited: () => hasExited,
    exited,
    output: () => output,
  }
}

/** Held all at once, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server: Server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
