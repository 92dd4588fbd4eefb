// For tests: a command that speaks JSON-RPC over stdio, and behaves as its arguments say.
import { spawn } from 'node:child_process'
import { createLines } from '../lines.ts'

const [behaviour] = process.argv.slice(2)
const say = (message: unknown) => process.stdout.write(`${JSON.stringify(message)}\n`)
const stay = () => setInterval(() => undefined, 60_000)

/** Ends by SIGKILL alone. */
function beDeaf(): void {
  process.on('SIGTERM', () => undefined)
  process.on('SIGHUP', () => undefined)
  process.stdout.on('error', () => undefined)
  stay()
}

if (behaviour === 'deaf') beDeaf()
if (behaviour === 'grandchild') {
  // As npx does: what serves is a child of the command, with its input and output.
  beDeaf()
  spawn(process.execPath, [import.meta.filename, 'deaf'], { stdio: 'inherit' })
} else {
  const take = createLines(20_000_000, (line) => {
    const { id, method, params } = JSON.parse(line.toString()) as {
      id: number
      method: string
      params?: { text?: string; size?: number }
    }
    if (method === 'environment') say({ jsonrpc: '2.0', id, result: { ...process.env } })
    if (method === 'self')
      say({ jsonrpc: '2.0', id, result: { uid: process.getuid?.(), cwd: process.cwd(), pid: process.pid } })
    if (method === 'echo') say({ jsonrpc: '2.0', id, result: { ...params, later: { b: 1, a: [null] } } })
    if (method === 'large') say({ jsonrpc: '2.0', id, result: { text: 'x'.repeat(params?.size ?? 0) } })
    if (method === 'garbage')
      process.stdout.write(
        Buffer.from(`starting up…\n[1]\n{"jsonrpc":"2.0","id":1,"result":{"text":"\xff"}}\n`, 'latin1'),
      )
    if (method === 'stderr') process.stderr.write(`${params?.text}\n`)
    if (method === 'flood') for (let n = 0; n < 1_000; n += 1) process.stderr.write(`${n} ${'x'.repeat(90)}\n`)
    if (method === 'last') {
      const result = { text: 'x'.repeat(params?.size ?? 0) }
      process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`, () => process.exit())
    }
    if (method === 'die') process.exit(3)
  })
  process.stdin.on('data', take)
}
