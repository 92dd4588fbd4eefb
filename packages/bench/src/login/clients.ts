// The clients that sign in, each from its first contact on: as a new process, or as a library that knows nothing yet.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClientHome, promptOf, type RunningProcess, startProcess } from '@gatehouse/testing'
import type { Client, StartedLogin } from './client.ts'
import { pollWithPauses, pollWithTicker } from './device.ts'
import { logInWithOauth4webapi, logInWithOpenidClient } from './libraries.ts'
import { logInPlainly } from './plain.ts'

const mcpRemote = 'packages/bench/node_modules/mcp-remote/dist/client.js'

export const clients: readonly Client[] = [
  {
    name: 'gatehouse',
    polls: true,
    start: async (site) => {
      const home = createClientHome(site)
      return await device(home.run('login'), () => home[Symbol.dispose]())
    },
  },
  { name: 'openid-client', polls: true, start: logInWithOpenidClient },
  { name: 'oauth4webapi', polls: true, start: logInWithOauth4webapi },
  {
    name: 'python-example',
    polls: true,
    start: ({ resource }) =>
      device(startProcess(['examples/device-login.py', '--url', resource], { command: 'python3' })),
  },
  {
    name: 'five-second-timeout',
    polls: true,
    start: (site) => logInPlainly({ name: 'Five seconds', timeout: 5_000, poll: pollWithPauses }, site),
  },
  {
    name: 'ticker',
    polls: true,
    start: (site) => logInPlainly({ name: 'Ticker', timeout: 30_000, poll: pollWithTicker }, site),
  },
  {
    name: 'mcp-remote',
    polls: false,
    start: async ({ issuer, resource }) => {
      const home = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
      const env = { HOME: home, MCP_REMOTE_CONFIG_DIR: home }
      const running = startProcess([mcpRemote, resource], { env, input: '' }) // it ends with its standard input
      const dispose = () => rmSync(home, { recursive: true, force: true })
      const address = async () => (await running.says(new RegExp(`${issuer}/authorize\\?\\S+`)))[0]
      return await started(running, async () => ({ address: await address() }), dispose)
    },
  },
]

function device(running: RunningProcess, dispose?: () => void): Promise<StartedLogin> {
  return started(running, async () => ({ userCode: (await promptOf(running)).code }), dispose)
}

async function started(
  running: RunningProcess,
  asks: () => Promise<StartedLogin['asks']>,
  dispose: () => void = () => undefined,
): Promise<StartedLogin> {
  const end = async () => {
    await running.end()
    dispose()
  }
  try {
    const over = ended(running)
    over.catch(() => undefined) // told to those who wait for it, if anybody still does
    return { asks: await asks(), ended: over, [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}

async function ended(running: RunningProcess): Promise<void> {
  const { code } = await running.exited
  if (code !== 0) throw new Error(`it ended with ${code}:\n${running.output()}`)
}
