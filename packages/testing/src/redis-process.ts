import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openRedisFolder, type RedisFolder, type RedisProgram } from './redis-program.ts'

/** A folder of this machine, for redis-server or valkey-server from the PATH. */
export function createRedisDirectory(): RedisFolder {
  const path = mkdtempSync(join(tmpdir(), 'gatehouse-redis-'))
  return openRedisFolder({
    path,
    async run(words, files) {
      for (const { target, content } of files) writeFileSync(target, content)
      return await startAny(words)
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  })
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
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL')
      await exited
    },
  }
}
