// What a process of a test believes of its surroundings: the environment to start it with, so that one real process among
// others has another clock, or finds a name only when the test says so.

/** A clock that is `ahead` by so many seconds, and that each SIGUSR2 moves by `step` seconds. */
export function otherClock({ ahead = 0, step = 0 }): Readonly<Record<string, string>> {
  return preload(`
    const now = Date.now
    let offset = ${ahead * 1000}
    globalThis.Date = class extends Date {
      constructor(...parts) {
        if (parts.length > 0) super(...parts)
        else super(now() + offset)
      }
      static now() {
        return now() + offset
      }
    }
    process.on('SIGUSR2', () => { offset += ${step * 1000} })
  `)
}

/** Look-ups of `name` do as the file at `path` says: `found`, which is 127.0.0.1, `hang`, or else fail. */
export function lateName(name: string, path: string): Readonly<Record<string, string>> {
  return preload(`
    import dns from 'node:dns'
    import { readFileSync } from 'node:fs'
    const { lookup } = dns
    dns.lookup = (asked, options, callback) => {
      if (asked !== ${JSON.stringify(name)}) return lookup(asked, options, callback)
      const fate = readFileSync(${JSON.stringify(path)}, 'utf8')
      if (fate === 'found') return lookup('127.0.0.1', options, callback)
      if (fate === 'hang') return
      const error = Object.assign(new Error('getaddrinfo ENOTFOUND ' + asked), { code: 'ENOTFOUND', syscall: 'getaddrinfo' })
      process.nextTick(() => (callback ?? options)(error))
    }
  `)
}

function preload(code: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` }
}
