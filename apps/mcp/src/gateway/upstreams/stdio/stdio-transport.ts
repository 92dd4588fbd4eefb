// One command that speaks stdio, as a transport of the SDK. The SDK's own inherits more of our environment, starts no process
// group, and ends nothing but the process that it started.
//
// A command runs with the gateway's rights. It gets nothing of our environment but PATH and LANG, and private folders as HOME
// and TMPDIR; its process group is ended however the connection or the gateway ends. What is NOT protected:
// - a command of our user can read our environment and memory through the system, our files, and what other commands have;
//   `user` in the settings runs it as another one
// - the network, and how much memory, processor and disk it takes
// - what leaves the process group (a daemon of its own session) is not ended
// - all processes of an upstream have the same folders, no matter whom they are for

import { isUtf8 } from 'node:buffer'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { type JSONRPCMessage, serializeMessage, type Transport } from '@modelcontextprotocol/client'
import type { StdioUpstream } from '../../settings.ts'
import { UpstreamError } from '../contract.ts'
import type { Inflow } from '../inflow.ts'
import { largestMessage } from '../sizes.ts'
import { type ChildLog, createChildLog } from './child-log.ts'
import { endGroup, type Grace, isGone, usualGrace } from './end-group.ts'
import { createLines, createPieces } from './lines.ts'
import type { ProcessGroups, StdioLog } from './process-groups.ts'
import { userToRunAs } from './run-as.ts'
import { prepareSurroundings } from './surroundings.ts'

export interface StdioTransportOptions {
  readonly log: StdioLog
  /** The folder that has the private folders of all upstreams. */
  readonly home: string
  readonly groups: ProcessGroups | Promise<ProcessGroups>
  /** Ours: PATH and LANG are taken from it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly inflow: Inflow
  readonly grace?: Grace
  readonly platform?: NodeJS.Platform
}

/** Bytes that a command has not read, beyond which nothing more is sent to it. */
const mostUnread = 16 * 1024 * 1024
/** Milliseconds after its exit in which what a command has written is still read. */
const lastWords = 200

/**
 * `start` rejects with an {@link UpstreamError} `unreachable`, `send` with `busy` or `interrupted`. A command that breaks the
 * protocol beyond repair is ended, after `onerror` was called with an {@link UpstreamError} `invalid`. `close` resolves when
 * nothing of the process group is left.
 */
export function createStdioTransport(settings: StdioUpstream, options: StdioTransportOptions): Transport {
  const { name } = settings
  const { log, grace = usualGrace, platform = process.platform } = options
  let child: ChildProcessWithoutNullStreams | undefined
  let childLog: ChildLog | undefined
  let ending: Promise<void> | undefined
  let isOver = false

  const interrupted = () => new UpstreamError(name, 'interrupted', `${name} has ended`)

  function begin(started: ChildProcessWithoutNullStreams, words: ChildLog, forget: () => void): void {
    child = started
    childLog = words
    const reading = options.inflow.open()
    const takeStdout = createLines(largestMessage, (line) => {
      reading.done()
      takeLine(line)
    })
    function take(chunk: Buffer): void {
      if (isOver) return
      try {
        takeStdout(chunk)
      } catch (error) {
        transport.onerror?.(new UpstreamError(name, 'invalid', `${name} sent a message over 10 MB`, { cause: error }))
        void end(started, forget)
      }
    }
    started.stdout.on('data', (chunk: Buffer) => {
      const room = reading.take(chunk.length)
      if (!room) return take(chunk)
      started.stdout.pause()
      void room.then(() => {
        take(chunk)
        started.stdout.resume()
      })
    })
    started.stdout.once('close', reading.done)
    const errors = createPieces(words.stderr)
    started.stderr.on('data', errors)
    for (const stream of [started.stdin, started.stdout, started.stderr]) stream.on('error', () => undefined)
    // A command that hears or says no more is of no use, running or not.
    started.stdin.once('close', () => void (hasExited(started) || end(started, forget)))
    started.stdout.once('close', () => void end(started, forget))
    started.once('exit', (code, signal) => {
      if (!isOver) log.warn({ upstream: name, code, signal }, 'a command ended')
      if (started.stdout.closed) return void end(started, forget)
      setTimeout(() => void end(started, forget), lastWords).unref()
    })
  }

  function takeLine(line: Buffer): void {
    if (isOver || line.toString('latin1').trim() === '') return
    const message = readMessage(line)
    if (typeof message === 'string') {
      childLog?.noMessage(line, message)
      return
    }
    try {
      transport.onmessage?.(message)
    } catch (error) {
      transport.onerror?.(error as Error)
    }
  }

  function end(started: ChildProcessWithoutNullStreams, forget: () => void): Promise<void> {
    if (ending === undefined) {
      ending = endAll(started, forget)
      // Who waits for an answer is told before the processes are gone: that can take seconds.
      over()
    }
    return ending
  }

  async function endAll(started: ChildProcessWithoutNullStreams, forget: () => void): Promise<void> {
    const group = started.pid as number
    started.stdin.end()
    if (hasExited(started) || !(await isGone(group, grace.input))) {
      if (!(await endGroup(group, grace)))
        log.error({ upstream: name, pid: group }, 'processes of a command do not end')
    }
    childLog?.end()
    for (const stream of [started.stdin, started.stdout, started.stderr]) stream.destroy()
    forget()
  }

  function over(): void {
    if (isOver) return
    isOver = true
    transport.onclose?.()
  }

  let stop = async (): Promise<void> => over()

  const transport: Transport = {
    async start() {
      if (child || isOver) throw new Error('a transport is started once')
      try {
        const { started, words, forget } = await startCommand(settings, options, platform)
        begin(started, words, forget)
        stop = () => end(started, forget)
      } catch (error) {
        isOver = true
        const { message } = error as Error
        throw new UpstreamError(name, 'unreachable', `${name} cannot be started: ${message}`, { cause: error })
      }
    },

    async send(message: JSONRPCMessage) {
      const started = child
      if (!started || isOver) throw interrupted()
      if (started.stdin.writableLength > mostUnread) {
        throw new UpstreamError(name, 'busy', `${name} does not read what it is sent`, { retryAfter: 1 })
      }
      gather(started.stdin)
      await new Promise<void>((resolve, reject) => {
        started.stdin.write(serializeMessage(message), (error) => (error ? reject(interrupted()) : resolve()))
      })
    },

    close: () => stop(),
  }
  return transport
}

async function startCommand(settings: StdioUpstream, options: StdioTransportOptions, platform: NodeJS.Platform) {
  if (platform === 'win32') throw new Error('commands are not run on Windows: use WSL')
  const { name, command, cwd, user } = settings
  const groups = await options.groups
  const owner = user === undefined ? undefined : await userToRunAs(user)
  const { environment, given, mark } = prepareSurroundings(settings, options.home, options.environment, owner)
  if (cwd !== undefined && !statSync(cwd, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`there is no folder ${cwd}`)
  const [program, ...args] = command
  const isOther = owner && owner.uid !== process.getuid?.()
  const started = spawn(program, args, {
    cwd: cwd ?? environment.HOME,
    env: environment,
    detached: true,
    stdio: 'pipe',
    ...(isOther && { uid: owner.uid, gid: owner.gid }),
  })
  await new Promise<void>((resolve, reject) => {
    started.once('error', (error) => reject(new Error(reasonOf(error, program))))
    if (started.pid === undefined) return
    resolve()
  })
  const pid = started.pid as number
  try {
    const forget = groups.watch(pid, mark)
    const words = createChildLog({ upstream: name, log: options.log, environment: given, now: () => performance.now() })
    return { started, words, forget }
  } catch (error) {
    await endGroup(pid, { term: 0, kill: 2_000 })
    throw error
  }
}

/** Messages of one turn of the loop are written together: those of many callers, who come at once. */
function gather(stdin: Writable): void {
  if (stdin.writableCorked > 0) return
  stdin.cork()
  setImmediate(() => stdin.uncork())
}

function hasExited({ exitCode, signalCode }: ChildProcessWithoutNullStreams): boolean {
  return exitCode !== null || signalCode !== null
}

function reasonOf(error: NodeJS.ErrnoException, program: string): string {
  if (error.code === 'ENOENT') return `there is no command ${program} on its PATH`
  if (error.code === 'EACCES') return `${program} may not be run: is it executable, and its folder open, for this user?`
  return `${error.code ?? 'unknown error'} at the start of ${program}`
}

/** As it was sent, whatever members it has, or why it is not one. */
function readMessage(line: Buffer): JSONRPCMessage | string {
  if (!isUtf8(line)) return 'it is not UTF-8'
  try {
    const value: unknown = JSON.parse(line.toString('utf8'))
    return isMessage(value) ? value : 'it is not JSON-RPC 2.0'
  } catch {
    return 'it is not JSON'
  }
}

function isMessage(value: unknown): value is JSONRPCMessage {
  if (typeof value !== 'object' || value === null || !('jsonrpc' in value) || value.jsonrpc !== '2.0') return false
  return ('method' in value && typeof value.method === 'string') || 'result' in value || 'error' in value
}
