// What the kernel counts for a process. Linux alone.
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ: in what /proc counts processor time. */
const ticksASecond = 100

/** Milliseconds of processor time that a process has used so far, its own and the kernel's: utime and stime of proc(5). */
export function processorTime(pid: number): number {
  // the second field is the command, which may have spaces in it
  const [, after = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/\) (?!.*\) )/)
  const fields = after.split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksASecond
}

/** The same for what is measured in short: to the nanosecond, without the threads that have ended (sched-stats of the kernel). */
export function preciseProcessorTime(pid: number): number {
  const times = readdirSync(`/proc/${pid}/task`).map((thread) => {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  })
  return times.reduce((sum, time) => sum + time, 0) / 1_000_000
}

/** Megabytes of memory that a process has at the moment: VmRSS of proc(5). */
export function residentMemory(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
