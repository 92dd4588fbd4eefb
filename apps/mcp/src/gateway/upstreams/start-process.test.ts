import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { lockOf } from '../pins/lock.ts'
import { createInflow, largestInflow } from './inflow.ts'
import { createProcessStarter } from './start-process.ts'
import { running } from './stdio/harness/running.ts'
import { commandSettings } from './stdio/harness/settings.ts'

const stateFolder = mkdtempSync(join(tmpdir(), 'starter-'))
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const { PATH } = process.env
const plain = {
  rules: { rules: [], openByDefault: [] },
  limits: { caller: undefined, client: undefined, tools: [] },
  pins: { mode: 'off' as const, lock: lockOf([]) },
}

afterAll(() => rmSync(stateFolder, { recursive: true }))

test('without a command there is no folder and no guard', async () => {
  const settings = { endpoints: [], upstreams: [], ...plain, parked: 10 }
  const starter = createProcessStarter({ settings, stateFolder, inherited: { PATH }, log })
  await starter.close()
  expect(existsSync(join(stateFolder, 'running'))).toBe(false)
})

test('a command runs until it is closed, and nothing is left then', async () => {
  const command = commandSettings([])
  const settings = { endpoints: [], upstreams: [command], ...plain, parked: 10 }
  const starter = createProcessStarter({ settings, stateFolder, inherited: { PATH }, log })
  const transport = starter.start(command, createInflow(largestInflow))
  await transport.start()
  expect(running(join(stateFolder, 'homes'))).toHaveLength(1)
  await transport.close()
  await starter.close()
  expect([...running(stateFolder), ...running(stateFolder, 'cmdline')]).toEqual([])
})
