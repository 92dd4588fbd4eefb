import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { requestOf, startMcpServer } from '../suites/mcp-server.ts'
import { everythingServer } from './suites/everything.ts'
import { startFixture } from './suites/fixture-upstream.ts'
const median = (a: number[]) => a.toSorted((x, y) => x - y)[Math.floor(a.length / 2)]!
const p99 = (a: number[]) => a.toSorted((x, y) => x - y)[Math.floor(a.length * 0.99)]!
for (const kind of ['stdio 2025', 'http 2025', 'http 2026', 'stdio 2026'] as const) {
  const fixture = await startFixture(kind)
  const dir = mkdtempSync('/tmp/cost-')
  const file = join(dir, 'g.json')
  const s: any = fixture.settings
  writeFileSync(file, JSON.stringify({ version: 1, upstreams: { f: s.transport === 'stdio' ? { command: s.command } : { url: s.url } } }))
  const gw = await startMcpServer({ env: { GATEHOUSE_CONFIG: file, DATA_DIR: dir, LOG_LEVEL: 'warn' } })
  const bare = await startMcpServer({ source: (await import('../suites/conformance-fixtures.ts')).conformanceSource, env: { LOG_LEVEL: 'warn' } })
  const call = async (server: any, token: string) => {
    const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'test_simple_text', arguments: {} })
    const t = performance.now()
    const r = await server.post(message, { ...headers, authorization: `Bearer ${token}` })
    const text = await r.text()
    if (r.status !== 200 || !text.includes('content')) throw new Error(text)
    return performance.now() - t
  }
  const tokens = new Map([[gw, await gw.sign()], [bare, await bare.sign()]])
  for (const server of [gw, bare]) for (let i = 0; i < 100; i++) await call(server, tokens.get(server)!)
  const times = new Map<any, number[]>([[gw, []], [bare, []]])
  const cpu = new Map<any, number>([[gw, 0], [bare, 0]])
  for (let round = 0; round < 10; round++) for (const server of [gw, bare]) {
    const c = process.cpuUsage()
    for (let i = 0; i < 50; i++) times.get(server)!.push(await call(server, tokens.get(server)!))
    const d = process.cpuUsage(c)
    cpu.set(server, cpu.get(server)! + (d.user + d.system) / 1000)
  }
  console.log(kind, 'gateway', median(times.get(gw)!).toFixed(2), p99(times.get(gw)!).toFixed(2), 'own', median(times.get(bare)!).toFixed(2), p99(times.get(bare)!).toFixed(2), 'ms; cpu (with the client)', (cpu.get(gw)! / 500).toFixed(2), (cpu.get(bare)! / 500).toFixed(2))
  await gw[Symbol.asyncDispose](); await bare[Symbol.asyncDispose](); await fixture[Symbol.asyncDispose]()
}
process.exit(0)
