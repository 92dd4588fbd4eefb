// For tests: settings of an upstream, as the file would have them with nothing said.
import type { RemoteUpstream, StdioUpstream } from '../settings.ts'

const common = {
  isolation: 'caller',
  tools: { only: undefined, not: [], rename: {}, prefix: 'always' },
  questions: { form: true, url: true, roots: true, sampling: false },
  concurrency: 50,
  timeouts: { connect: 5_000, list: 10_000, call: 600_000, idle: 120_000 },
} as const

export function remoteSettings(url: string, given: Partial<RemoteUpstream> = {}): RemoteUpstream {
  return {
    ...common,
    name: 'remote',
    transport: 'http',
    url,
    headers: {},
    forwardHeaders: [],
    tls: undefined,
    ...given,
  }
}

export function stdioSettings(
  command: readonly [string, ...string[]],
  given: Partial<StdioUpstream> = {},
): StdioUpstream {
  const processes = { max: 20, idle: 300_000, lifetime: 43_200_000 }
  return {
    ...common,
    name: 'command',
    transport: 'stdio',
    command,
    cwd: undefined,
    env: {},
    processes,
    user: undefined,
    ...given,
  }
}
