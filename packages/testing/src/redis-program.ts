/** redis-server, wherever it runs. */
export interface RedisProgram {
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
