// What redis-server is to tests, wherever it runs, and the folder that it has its files in.
import { randomUUID } from 'node:crypto'

/** Disposing ends it at once, if it has not ended. */
export interface RedisProgram extends AsyncDisposable {
  /** Of one that has ended already: nothing. */
  readonly signal: (signal: NodeJS.Signals) => Promise<void>
  readonly hasExited: () => boolean
  readonly exited: Promise<void>
  /** What it wrote so far. */
  readonly output: () => string
}

/** The folder that redis-servers keep their files in. Disposing ends all that were started in it, and keeps nothing. */
export interface RedisFolder extends AsyncDisposable {
  /**
   * redis-server with these options, listening on the loopback of this machine.
   *
   * @param configuration the text of a file that it reads first, and may write: what Sentinels need.
   */
  readonly start: (options: readonly string[], configuration?: string) => Promise<RedisProgram>
}

export interface RedisPlace {
  /** The folder, as redis-server knows it. */
  readonly path: string
  /** redis-server with these words; `files` have to be there before. Leaves nothing if it fails. */
  readonly run: (words: readonly string[], files: readonly RedisFile[]) => Promise<RedisProgram>
  readonly remove: () => Promise<void> | void
}

export interface RedisFile {
  readonly target: string
  readonly content: string
}

export function openRedisFolder({ path, run, remove }: RedisPlace): RedisFolder {
  const started: Promise<RedisProgram>[] = []
  return {
    async start(options, configuration) {
      const files =
        configuration === undefined ? [] : [{ target: `${path}/${randomUUID()}.conf`, content: configuration }]
      const starting = run([...files.map(({ target }) => target), '--dir', path, ...options], files)
      started.push(starting)
      return await starting
    },
    async [Symbol.asyncDispose]() {
      const programs = (await Promise.allSettled(started)).flatMap((result) =>
        result.status === 'fulfilled' ? [result.value] : [],
      )
      await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()))
      await remove()
    },
  }
}
