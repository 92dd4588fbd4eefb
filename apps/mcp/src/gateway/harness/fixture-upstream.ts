// For tests: the fixtures of the conformance suite, or those of the matrix, as an upstream in a process of its own.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { UpstreamSettings } from '../settings.ts'
import { remoteSettings, stdioSettings } from './settings.ts'

export const fixtureKinds = ['stdio 2025', 'sse 2025', 'http 2025', 'stdio 2026', 'http 2026'] as const
export type FixtureKind = (typeof fixtureKinds)[number]

export interface FixtureServer extends AsyncDisposable {
  readonly settings: UpstreamSettings
}

const program = join(import.meta.dirname, 'fixture-server.ts')
const node = ['--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning', program]
const questions = { form: true, url: true, roots: true, sampling: true }

export async function startFixture(
  kind: FixtureKind,
  given: Partial<UpstreamSettings> = {},
  set = 'conformance',
): Promise<FixtureServer> {
  const [transport = '', era = ''] = kind.split(' ')
  if (transport === 'stdio') {
    const command = [process.execPath, ...node, 'stdio', era, set] as const
    const settings = { ...stdioSettings(command, { name: 'fixture', questions }), ...given } as UpstreamSettings
    return { settings, [Symbol.asyncDispose]: async () => undefined }
  }
  const child = spawn(process.execPath, [...node, transport, era, set], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const port = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve))
  const url = `http://127.0.0.1:${port}/${transport === 'sse' ? 'sse' : 'mcp'}`
  const settings = remoteSettings(url, { name: 'fixture', questions, transport: transport as 'http' | 'sse' })
  return {
    settings: { ...settings, ...given } as UpstreamSettings,
    async [Symbol.asyncDispose]() {
      child.kill()
      await exited
    },
  }
}
