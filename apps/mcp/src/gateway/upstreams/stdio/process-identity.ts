// Which process a pid stands for: pids are given again, the start time tells them apart. Linux answers from /proc, macOS by ps.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  /** Opaque: equal for the same process only. */
  readonly started: string
}

/** The machine since it was started, and its namespace of pids: elsewhere the same pid is another process. */
export function placeOfPids(): string {
  if (process.platform !== 'linux') return process.platform
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
}

/** Undefined: there is no such process, or it has ended and nobody has asked for its exit code yet. */
export function identify(pid: number): ProcessIdentity | undefined {
  const status = process.platform === 'linux' ? readStatus(pid) : askPs(pid)
  return status && !status.isOver ? { pid, started: status.started } : undefined
}

export function isRunning({ pid, started }: ProcessIdentity): boolean {
  return identify(pid)?.started === started
}

/** Processes of a group that have not ended. On macOS: its leader. */
export function membersOf(group: number): readonly number[] {
  if (!canSignal(group)) return []
  if (process.platform !== 'linux') return [group]
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    const status = readStatus(pid)
    return status?.group === group && !status.isOver
  })
}

/** Whether an environment that a process was started with has `text` in it. */
export function hasInEnvironment(pid: number, text: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text)
  } catch {
    return false
  }
}

function canSignal(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

interface Status {
  readonly group: number
  readonly started: string
  readonly isOver: boolean
}

function readStatus(pid: number): Status | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name, in parentheses, and may have anything in it.
    const [state = '', , group, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { group: Number(group), started: rest[16] ?? '', isOver: /[ZXx]/.test(state) }
  } catch {
    return undefined
  }
}

function askPs(pid: number): Status | undefined {
  try {
    const text = execFileSync('ps', ['-o', 'pgid=,state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { PATH: '/bin:/usr/bin', LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    const [group, state = '', ...started] = text.split(/\s+/)
    return { group: Number(group), started: started.join(' '), isOver: state.startsWith('Z') }
  } catch {
    return undefined
  }
}
