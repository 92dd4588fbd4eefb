// For tests: somebody's server over HTTP, of the 2025 era, whose definitions change while it runs; and a gateway before it with a
// lock, which is written as the command does it.
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listen } from '@gatehouse/testing'
import { readConfig } from '../../config.ts'
import { collectAll } from '../inspect.ts'
import { lockOf, textOfLock } from '../pins/lock.ts'
import { UpstreamError } from '../upstreams/contract.ts'

export interface ChangingServer extends AsyncDisposable {
  readonly url: string
  instructions: string | undefined
  tools: readonly object[]
  prompts: readonly object[]
  /** Names of tools that were called. */
  readonly called: string[]
}

export async function startChangingServer(): Promise<ChangingServer> {
  const results: Readonly<Record<string, (params: { readonly name?: string }) => object>> = {
    initialize: () => ({
      protocolVersion: '2025-11-25',
      capabilities: { tools: { listChanged: true }, prompts: {} },
      serverInfo: { name: 'changing', version: '1' },
      ...(changing.instructions && { instructions: changing.instructions }),
    }),
    'tools/list': () => ({ tools: changing.tools }),
    'prompts/list': () => ({ prompts: changing.prompts }),
    'prompts/get': () => ({ messages: [] }),
    'tools/call': ({ name = '' }) => {
      changing.called.push(name)
      return { content: [{ type: 'text', text: `did ${name}` }] }
    },
  }
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const { id, method, params } = JSON.parse((await request.toArray()).join(''))
    if (id === undefined) return void response.writeHead(202).end()
    const result = results[method]?.(params ?? {})
    const answer = result ? { result } : { error: { code: -32_601, message: 'Method not found' } }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
  })
  const { origin, stop } = await listen(server)
  const changing: ChangingServer = {
    url: `${origin}/mcp`,
    instructions: undefined,
    tools: [],
    prompts: [],
    called: [],
    [Symbol.asyncDispose]: stop,
  }
  return changing
}

export interface PinnedFile {
  readonly env: Readonly<Record<string, string>>
  write(content: object): void
  /** Writes the lock as the servers are now. */
  pin(): Promise<void>
}

/** A file in a folder of its own, without a lock at first. */
export function createPinnedFile(content: object): PinnedFile {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-pinned-'))
  const put = (name: string, text: string): void => {
    writeFileSync(join(folder, `${name}.new`), text)
    renameSync(join(folder, `${name}.new`), join(folder, name))
  }
  const write = (next: object): void => put('gatehouse.yaml', JSON.stringify({ version: 1, ...next }))
  write(content)
  const env = {
    GATEHOUSE_CONFIG: join(folder, 'gatehouse.yaml'),
    DATA_DIR: mkdtempSync(join(tmpdir(), 'gatehouse-data-')),
  }
  return {
    env,
    write,
    async pin() {
      const config = readConfig(env, { lock: 'ignored' })
      const all = await collectAll(config, { signal: new AbortController().signal, onLine: () => undefined })
      const pins = all.flatMap(({ found }) => {
        if (found instanceof UpstreamError) throw found
        return found
      })
      put('gatehouse.lock', textOfLock(lockOf(pins)))
    },
  }
}
