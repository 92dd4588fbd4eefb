// How variables become settings, the same in both services. Every fault goes into one list, so that an operator mends a
// configuration in one go. Which variables there are is for the apps' config.ts alone.
import ipaddr from 'ipaddr.js'
import { readSecret } from './secret.ts'

export type SettingsReader = ReturnType<typeof createSettingsReader>

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** An empty variable counts as one that is not set. What is faulty is told in `faults`, and read as something usable. */
export function createSettingsReader(env: Readonly<Record<string, string | undefined>>, faults: string[]) {
  const text = (name: string, fallback: string): string => env[name] || fallback
  return {
    text,
    port(name: string, fallback: number): number {
      const port = Number(text(name, String(fallback)))
      if (!Number.isInteger(port) || port < 0 || port > 65_535)
        faults.push(`${name} must be a port number from 0 to 65535.`)
      return port
    },
    /** A number of seconds, which may have a fraction. */
    seconds(name: string, { most, fallback }: { readonly most: number; readonly fallback: number }): number {
      const value = text(name, String(fallback))
      const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN
      if (seconds >= 0 && seconds <= most) return seconds
      faults.push(`${name} must be a number of seconds from 0 to ${most}.`)
      return fallback
    },
    oneOf<T extends string>(name: string, allowed: readonly T[], fallback: NoInfer<T>): T {
      const value = text(name, fallback)
      if (!(allowed as readonly string[]).includes(value)) faults.push(`${name} must be one of ${allowed.join(', ')}.`)
      return value as T
    },
    /** Comma-separated, in lower case. */
    list(name: string): string[] {
      return [
        ...new Set(
          text(name, '')
            .split(',')
            .map((entry) => entry.trim().toLowerCase())
            .filter(Boolean),
        ),
      ]
    },
    /** Host names as URLs have them: in ASCII, without anything around them. */
    hosts(name: string): string[] {
      return this.list(name).map((entry) => {
        const bare = /^\[[0-9a-f:.]+\]$/.test(entry) || !/[:/?#@\\%\s]/.test(entry)
        const hostname = bare ? URL.parse(`https://${entry}/`)?.hostname : undefined
        if (hostname && /^(\[.+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/.test(hostname)) return hostname
        faults.push(
          `${name} takes host names such as app.example.com, without scheme, port, path or wildcard: "${entry}" is none.`,
        )
        return entry
      })
    },
    /** Separated by commas or spaces. */
    networks(name: string): string[] {
      const list = text(name, '')
        .split(/[\s,]+/)
        .filter(Boolean)
      for (const entry of list) {
        if (!ipaddr.isValid(entry) && !ipaddr.isValidCIDR(entry))
          faults.push(`${name}: "${entry}" is neither an address nor a CIDR block.`)
      }
      return list
    },
    /** A secret, from `NAME` or from the file that `NAME_FILE` names. Its value never enters a message. */
    secret: (name: string) => readSecret(env, name, faults),
  }
}
