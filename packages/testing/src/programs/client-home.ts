// The `gatehouse` command as its users run it: a process with a home folder of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningProcess, startProcess } from './process.ts'
import type { Stack } from './stack.ts'

export interface ClientHome extends Disposable {
  readonly path: string
  /** Starts `gatehouse …` against the stack. */
  readonly run: (...args: readonly string[]) => RunningProcess
}

export function createClientHome({ resource }: Pick<Stack, 'resource'>): ClientHome {
  const path = mkdtempSync(join(tmpdir(), 'gatehouse-home-'))
  return {
    path,
    run: (...args) =>
      startProcess(['packages/cli/src/main.ts', ...args, '--url', resource], { env: { GATEHOUSE_HOME: path } }),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** The code and the link that the command prints while it waits for an approval. */
export async function promptOf(client: RunningProcess): Promise<{ readonly code: string; readonly link: string }> {
  const [link, code = ''] = await client.says(/https?:\/\/\S+\/device\?user_code=([A-Z0-9]+-[A-Z0-9]+)/)
  return { link, code }
}
