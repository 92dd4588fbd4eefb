// For tests, a program: a server over stdio that tells what it was given, by its one tool.
import { createInterface } from 'node:readline'

const messages: string[] = []
const answers: Readonly<Record<string, () => object>> = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'telling', version: '1' },
  }),
  'tools/list': () => ({ tools: [{ name: 'tell', inputSchema: { type: 'object' } }] }),
  'tools/call': () => {
    const told = { pid: process.pid, environment: process.env, messages: messages.join('\n') }
    return { content: [{ type: 'text', text: JSON.stringify(told) }] }
  },
}

for await (const line of createInterface(process.stdin)) {
  messages.push(line)
  const { id, method } = JSON.parse(line)
  if (id === undefined) continue
  const result = answers[method]?.()
  const answer = result ? { result } : { error: { code: -32_601, message: 'Method not found' } }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer })}\n`)
}
