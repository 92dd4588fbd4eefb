// For tests, a program: a server of 2025 over stdio that counts. It says of each call which one it is, and in which process;
// `journal` names a file to which it adds a line for each call, so that what ran twice is seen.
//   node counting-command.ts [journal]
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [, , journal] = process.argv
const waiting = new Map<unknown, (message: Json) => void>()
let count = 0
let asked = 0

// biome-ignore lint/suspicious/noExplicitAny: what others send has whatever members it has
type Json = any

function say(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
}

const text = (value: object) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] })
const tools = ['count', 'ask', 'progress', 'wait', 'slow', 'big'].map((name) => ({
  name,
  inputSchema: { type: 'object' },
}))

async function call(id: unknown, { name, arguments: args = {}, _meta }: Json): Promise<object> {
  count += 1
  if (journal) appendFileSync(journal, `${JSON.stringify({ pid: process.pid, name, args })}\n`)
  if (name === 'big') return { content: [{ type: 'text', text: 'é'.repeat(args.characters) }] }
  if (name === 'progress') {
    const { progressToken } = _meta ?? {}
    for (let progress = 1; progress <= 50; progress += 1)
      say({ method: 'notifications/progress', params: { progressToken, progress } })
  }
  if (name === 'slow') await new Promise((resolve) => setTimeout(resolve, args.for))
  if (name === 'wait') {
    const cancelled = new Promise((resolve) => waiting.set(id, ({ params }) => resolve(params.reason)))
    const { progressToken } = _meta ?? {}
    if (progressToken !== undefined) say({ method: 'notifications/progress', params: { progressToken, progress: 0 } })
    const reason = await cancelled
    if (journal) appendFileSync(journal, `${JSON.stringify({ cancelled: reason })}\n`)
  }
  if (name === 'ask') {
    let answer: Json
    for (let times = 0; times < (args.times ?? 1); times += 1) {
      const { progressToken } = _meta ?? {}
      if (times > 0) say({ method: 'notifications/progress', params: { progressToken, progress: times } })
      asked += 1
      const question = `q${asked}`
      const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } }
      const params = { message: `Your name, ${args.n ?? ''}?`, requestedSchema }
      const answered = new Promise<Json>((resolve) => waiting.set(question, resolve))
      say({ id: question, method: 'elicitation/create', params })
      answer = (await answered).result
    }
    return text({ count, pid: process.pid, n: args.n, answer })
  }
  return text({ count, pid: process.pid, n: args.n })
}

createInterface(process.stdin).on('line', async (line) => {
  const message: Json = JSON.parse(line)
  const { id, method, params } = message
  if (method === undefined) waiting.get(id)?.(message)
  else if (method === 'notifications/cancelled') waiting.get(params.requestId)?.(message)
  else if (method === 'initialize') {
    const { protocolVersion } = params
    const serverInfo = { name: 'counting', version: '1' }
    say({ id, result: { protocolVersion, capabilities: { tools: { listChanged: true } }, serverInfo } })
  } else if (method === 'tools/list') say({ id, result: { tools } })
  else if (method === 'tools/call') say({ id, result: await call(id, params) })
  else if (id !== undefined) say({ id, error: { code: -32_601, message: 'Method not found' } })
})
