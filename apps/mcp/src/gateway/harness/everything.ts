// For tests: the reference server, as a process of its own, over each of its transports.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { freePort } from '@gatehouse/testing'
import type { UpstreamSettings } from '../settings.ts'
import { remoteSettings, stdioSettings } from './settings.ts'

export interface EverythingServer extends AsyncDisposable {
  readonly settings: UpstreamSettings
}

const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json')
const program = join(dirname(manifest), 'dist/index.js')

export async function everythingServer(transport: 'http' | 'sse' | 'stdio'): Promise<EverythingServer> {
  if (transport === 'stdio') {
    return {
      settings: stdioSettings([process.execPath, program, 'stdio']),
      [Symbol.asyncDispose]: async () => undefined,
    }
  }
  const port = await freePort()
  const mode = transport === 'http' ? 'streamableHttp' : 'sse'
  const child = spawn(process.execPath, [program, mode], { env: { ...process.env, PORT: String(port) }, stdio: 'pipe' })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  await new Promise<void>((resolve, reject) => {
    const listening = (chunk: Buffer) => /port|running|listening/i.test(chunk.toString()) && resolve()
    child.stderr.on('data', listening)
    child.stdout.on('data', listening)
    child.once('exit', () => reject(new Error('the reference server ended')))
  })
  return {
    settings: remoteSettings(`http://localhost:${port}/${transport === 'http' ? 'mcp' : 'sse'}`, { transport }),
    async [Symbol.asyncDispose]() {
      child.kill()
      await exited
    },
  }
}
