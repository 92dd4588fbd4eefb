import { join } from 'node:path'
import type { StdioUpstream } from '../../../settings.ts'

/** For tests: `command.ts` as an upstream. */
export function commandSettings(behaviour: readonly string[], given: Partial<StdioUpstream> = {}): StdioUpstream {
  return {
    name: 'docs',
    transport: 'stdio',
    command: [process.execPath, join(import.meta.dirname, 'command.ts'), ...behaviour],
    cwd: undefined,
    env: {},
    user: undefined,
    isolation: 'caller',
    processes: { max: 20, idle: 300_000, lifetime: 3_600_000 },
    tools: { only: undefined, not: [], rename: {}, prefix: 'auto' },
    questions: { form: true, url: true, roots: true, sampling: false },
    concurrency: 10,
    timeouts: { connect: 5_000, list: 10_000, call: 60_000, idle: 60_000 },
    ...given,
  }
}
