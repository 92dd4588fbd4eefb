// Whose business it is that no child outlives the gateway: a record of each group in a folder, and a guard process.
import { spawn } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { usualGrace } from './end-group.ts'
import { endLeftGroups, prepareRecords, recordGroup } from './group-records.ts'
import { identify } from './process-identity.ts'

export interface StdioLog {
  info(members: object, message: string): void
  warn(members: object, message: string): void
  error(members: object, message: string): void
}

export interface ProcessGroups {
  /**
   * Remembers a group by its leader, and what the environment of all in it has in it. Returns the function to call when
   * nothing of it is left. Throws if it cannot be written down: the group must not run then.
   */
  watch(leader: number, mark: string): () => void
  /** Once no group runs any more. */
  close(): Promise<void>
}

export interface ProcessGroupsOptions {
  /** Where it is written down what runs; a private one, on this machine. Gateways may share it. */
  readonly folder: string
  readonly log: StdioLog
}

const guardPath = fileURLToPath(new URL(`./guard${extname(import.meta.url)}`, import.meta.url))
/** Milliseconds before a guard that ended is replaced. */
const again = 1_000

/** Ends what earlier gateways left before it resolves. */
export async function createProcessGroups({ folder, log }: ProcessGroupsOptions): Promise<ProcessGroups> {
  prepareRecords(folder)
  const { ended, left } = await endLeftGroups(folder, usualGrace)
  if (ended > 0) log.warn({ groups: ended }, 'ended processes that an earlier gateway left')
  if (left.length > 0) log.error({ pids: left }, 'processes that an earlier gateway left do not end')
  const gateway = identify(process.pid)
  if (!gateway) throw new Error('cannot find out when this process was started')
  const self = gateway
  let guard: ReturnType<typeof startGuard> | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  function startGuard() {
    const args = [guardPath, folder, String(self.pid), self.started]
    const child = spawn(process.execPath, args, {
      detached: true,
      env: {},
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    child.unref()
    child.stdin.on('error', () => undefined) // its end is what counts
    child.on('error', (error) => log.error({ err: error }, 'the guard of stdio processes cannot be started'))
    child.on('exit', (code, signal) => {
      guard = undefined
      if (isClosed) return
      log.warn({ code, signal }, 'the guard of stdio processes ended, another is started')
      timer = setTimeout(guarded, again).unref()
    })
    return child
  }

  function guarded(): void {
    if (!isClosed) guard ??= startGuard()
  }

  return {
    watch(leader, mark) {
      guarded()
      const identity = identify(leader)
      // It has ended already, and nobody has asked for its exit code: what it started is ended by who started it.
      return identity ? recordGroup(folder, self, identity, mark) : () => undefined
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      const child = guard
      if (!child) return
      await new Promise((resolve) => {
        child.once('exit', resolve)
        child.ref()
        child.stdin.end()
      })
    },
  }
}
