import { setTimeout as wait } from 'node:timers/promises'
import type { RunningProcess } from './process.ts'

const usuallyWithin = 30_000

/**
 * Resolves when this URL of a service is answered with 200. Throws what the service said if it ends before, or does not answer in
 * `within` milliseconds.
 */
export async function untilAnswers(service: RunningProcess, url: string, within = usuallyWithin): Promise<void> {
  const deadline = Date.now() + within
  for (;;) {
    if (service.hasExited()) throw new Error(`The service ended before it was ready:\n${service.output()}`)
    const status = await fetch(url, { headers: { connection: 'close' } }).then(
      async (response) => {
        await response.body?.cancel()
        return response.status
      },
      () => undefined,
    )
    if (status === 200) return
    if (Date.now() > deadline) throw new Error(`${url} answers ${status ?? 'nothing'}:\n${service.output()}`)
    await wait(10)
  }
}
