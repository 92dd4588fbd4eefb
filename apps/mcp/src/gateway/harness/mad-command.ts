// For tests, a program: a server over stdio that goes wrong in one way at a call.
//   node mad-command.ts [utf-8|deaf|exits|floods|hangs]…
import { createInterface } from 'node:readline'

const does = (behaviour: string) => process.argv.slice(2).includes(behaviour)
const say = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const done = { content: [{ type: 'text', text: 'done' }] }

if (does('deaf')) {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
  setInterval(() => undefined, 60_000)
}

const answers: Readonly<Record<string, () => object>> = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'mad', version: '1' },
  }),
  'tools/list': () => ({ tools: [{ name: 'x0', inputSchema: { type: 'object' } }] }),
}

function call(id: number): void {
  if (does('exits')) process.exit(3)
  if (does('hangs')) return void process.stderr.write('called, and silent\n')
  if (does('utf-8')) {
    const message = { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: '\xff\xfe' }] } }
    process.stdout.write(Buffer.from(`${JSON.stringify(message)}\n`, 'latin1'))
    return
  }
  if (does('floods')) for (let n = 0; n < 20_000; n += 1) process.stderr.write(`flood ${n} ${'x'.repeat(90)}\n`)
  say({ id, result: done })
}

for await (const line of createInterface(process.stdin)) {
  const { id, method } = JSON.parse(line)
  const result = answers[method]?.()
  if (id === undefined) continue
  if (method === 'tools/call') call(id)
  else if (result) say({ id, result })
  else say({ id, error: { code: -32_601, message: 'Method not found' } })
}
