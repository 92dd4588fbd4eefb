// What stands between one replica and Redis in these tests: it sees each command, and can slow the way down, break it,
// or lose an answer at exactly the command that a test is about.
import { connect } from 'node:net'
import { startTcpRelay } from '@gatehouse/testing'

/** `lose`: it arrives and is carried out, and from then on nothing comes back on this connection. */
export type Fate = 'pass' | 'cut' | 'lose'

export interface RedisProxy extends AsyncDisposable {
  readonly url: string
  /** Asked about each command. By default all pass. */
  judge: (command: readonly string[]) => Fate
  /** Milliseconds by which each command is late. */
  delay: number
  /** Breaks all connections. New ones are fine. */
  readonly cut: () => void
}

export async function startRedisProxy(target: string): Promise<RedisProxy> {
  const { hostname, port } = new URL(target)
  const relay = await startTcpRelay({
    reach: () => connect({ host: hostname, port: Number(port) }),
    pass(client, upstream) {
      let isLost = false
      let lastDelay = 0
      let pending = Buffer.alloc(0)
      let late = 0
      // never one before another that came first
      const deliver = (command: Buffer) => {
        if (proxy.delay === 0 && late === 0) return void upstream.write(command)
        late += 1
        setTimeout(() => {
          late -= 1
          if (upstream.writable) upstream.write(command)
        }, proxy.delay || lastDelay)
        lastDelay = proxy.delay || lastDelay
        return undefined
      }
      client.on('data', (data) => {
        pending = Buffer.concat([pending, data])
        for (let read = readCommand(pending); read; read = readCommand(pending)) {
          const command = pending.subarray(0, read.length)
          pending = pending.subarray(read.length)
          const fate = proxy.judge(read.words)
          if (fate === 'cut') return void client.destroy()
          isLost ||= fate === 'lose'
          deliver(command)
        }
        return undefined
      })
      upstream.on('data', (data) => {
        if (!isLost) client.write(data)
      })
    },
  })
  const url = new URL(target)
  url.host = `127.0.0.1:${relay.port}`
  const proxy: RedisProxy = {
    url: url.href,
    judge: () => 'pass',
    delay: 0,
    cut: relay.cut,
    [Symbol.asyncDispose]: relay.stop,
  }
  return proxy
}

/** The first command of what a client sent (an array of strings), and its length in bytes; undefined if it is not all there. */
function readCommand(bytes: Buffer): { readonly words: readonly string[]; readonly length: number } | undefined {
  let at = 0
  const number = (mark: string) => {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const line = bytes.toString('latin1', at, end)
    if (line[0] !== mark) throw new Error(`not a command: ${line.slice(0, 40)}`)
    at = end + 2
    return Number(line.slice(1))
  }
  const count = number('*')
  if (count === undefined) return undefined
  const words: string[] = []
  for (let index = 0; index < count; index += 1) {
    const length = number('$')
    if (length === undefined || bytes.length < at + length + 2) return undefined
    words.push(bytes.toString('latin1', at, at + length))
    at += length + 2
  }
  return { words, length: at }
}

/**
 * True for the command that marks a record of this model as used: of the scripts that run on one record, the second
 * kind. To be made again for each test.
 */
export function createConsumeDetector(model: string): (command: readonly string[]) => boolean {
  const firstScript = new Map<string, string>()
  return ([name = '', script = '', _count, key = '']) => {
    if (!/^eval/i.test(name) || !key.startsWith(`auth:${model}:`)) return false
    if (!firstScript.has(key)) firstScript.set(key, script)
    return firstScript.get(key) !== script
  }
}
