import { readdirSync, readFileSync } from 'node:fs'
import { identify } from '../process-identity.ts'

/** For tests: processes that run whose environment (`environ`) or arguments (`cmdline`) have `text` in them. */
export function running(text: string, where: 'environ' | 'cmdline' = 'environ'): number[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/${where}`, 'utf8').includes(text) && identify(pid) !== undefined
    } catch {
      return false
    }
  })
}
