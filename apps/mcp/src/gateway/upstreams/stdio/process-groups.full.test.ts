import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { recordGroup } from './group-records.ts'
import { running } from './harness/running.ts'
import { createProcessGroups } from './process-groups.ts'
import { identify } from './process-identity.ts'

let folder: string
let records: string
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const soon = { timeout: 15_000, interval: 50 }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'groups-'))
  records = join(folder, 'running')
})
afterEach(() => rmSync(folder, { recursive: true }))

async function startGateway(...behaviours: string[]): Promise<ChildProcess & { readonly pid: number }> {
  const args = [join(import.meta.dirname, 'harness/gateway.ts'), folder, ...behaviours]
  const gateway = spawn(process.execPath, ['--conditions=gatehouse-source', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(gateway.stdout, 'data')
  return Object.assign(gateway, { pid: gateway.pid as number })
}

const guards = () => running(records, 'cmdline').filter((pid) => pid !== process.pid)
const commands = () => running(join(folder, 'homes'))

test('a gateway that is killed leaves no process', async () => {
  const gateway = await startGateway('deaf', 'grandchild')
  await vi.waitFor(() => expect(commands()).toHaveLength(3), soon)
  gateway.kill('SIGKILL')
  await vi.waitFor(() => expect([commands(), guards()]).toEqual([[], []]), soon)
  expect(readdirSync(records)).toEqual([])
})

test('what is left after gateway and guard were killed is ended by the next start', async () => {
  const gateway = await startGateway('deaf', 'grandchild')
  await vi.waitFor(() => expect(commands()).toHaveLength(3), soon)
  gateway.kill('SIGSTOP') // or it starts another guard
  const [guard = 0] = guards()
  process.kill(guard, 'SIGKILL')
  gateway.kill('SIGKILL')
  await once(gateway, 'exit')
  expect(commands()).toHaveLength(3)
  const groups = await createProcessGroups({ folder: records, log })
  expect(commands()).toEqual([])
  expect(readdirSync(records)).toEqual([])
  await groups.close()
})

test('a guard that was killed is replaced', async () => {
  const gateway = await startGateway('deaf')
  const [first = 0] = guards()
  process.kill(first, 'SIGKILL')
  await vi.waitFor(() => expect(guards()).toEqual([expect.toSatisfy((pid) => pid !== first)]), soon)
  gateway.kill('SIGKILL')
  await vi.waitFor(() => expect([commands(), guards()]).toEqual([[], []]), soon)
})

test('the next start ends no stranger, and nothing of a gateway that runs', async () => {
  const stranger = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
  const pid = stranger.pid as number
  const self = identify(process.pid)
  const now = identify(pid)
  if (!(self && now)) throw new Error('they run')
  await createProcessGroups({ folder: records, log })
  const gone = { ...self, started: '1' }
  recordGroup(records, gone, { pid, started: '1' }, folder)
  recordGroup(records, self, now, folder)
  writeFileSync(join(records, 'cut-off.json'), '{"pla')
  await createProcessGroups({ folder: records, log })
  expect(identify(pid)).toEqual(now)
  expect(readdirSync(records)).toHaveLength(2)
  recordGroup(records, gone, now, folder)
  await createProcessGroups({ folder: records, log })
  await vi.waitFor(() => expect(identify(pid)).toBeUndefined(), soon)
})
