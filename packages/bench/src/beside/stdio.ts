import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Subject } from '../load.ts'

/** A server's command that is asked directly, by this process over stdio: no client can be nearer to it. */
export function startStdio(command: readonly string[], name: string): Subject & AsyncDisposable {
  const [file = '', ...args] = command
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map<number, (answer: { readonly result?: unknown }) => void>()
  createInterface(child.stdout).on('line', (line) => {
    const answer = JSON.parse(line)
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  let calls = 0
  const ask = async () => {
    calls += 1
    const id = calls
    const { promise, resolve } = Promise.withResolvers<{ readonly result?: unknown }>()
    waiting.set(id, resolve)
    const params = { name, arguments: { text: 'hello' } }
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })}\n`)
    const { result } = await promise
    if (!result) throw new Error('It answers otherwise than expected')
  }
  return {
    pids: [child.pid ?? 0],
    ask,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await once(child, 'exit')
    },
  }
}
