// How variables become settings, the same in both services. Every fault goes into one list, so that an operator mends a
// configuration in one go. Which variables there are is said by tables: variables.ts here, and one of each app.
import type { Environment } from '@gatehouse/shared'
import ipaddr from 'ipaddr.js'
import { readSecret } from './secret.ts'
import type { Variables } from './variables.ts'

export type SettingsReader<V extends Variables = Variables> = ReturnType<typeof createSettingsReader<V>>

type ValueOf<V> = V extends { readonly values: readonly (infer Value)[] } ? Value : string

/**
 * Reads what `variables` names, and nothing else. An empty variable counts as one that is not set. What is faulty is told in
 * `faults`, and read as something usable.
 */
export function createSettingsReader<V extends Variables>(env: Environment, faults: string[], variables: V) {
  type Name = keyof V & string
  const given = (name: Name): string | undefined => env[name] || undefined
  const standard = (name: Name): string => variables[name]?.default ?? ''
  const text = (name: Name): string => given(name) ?? standard(name)
  /** Comma-separated, in lower case. */
  const list = (name: Name): string[] => [
    ...new Set(
      text(name)
        .split(',')
        .map((entry) => entry.trim().toLowerCase())
        .filter(Boolean),
    ),
  ]
  return {
    /** As it was set, or undefined: no default counts. */
    given,
    text,
    list,
    port(name: Name): number {
      const port = Number(text(name))
      if (!Number.isInteger(port) || port < 0 || port > 65_535)
        faults.push(`${name} must be a port number from 0 to 65535.`)
      return port
    },
    /** A number of seconds, which may have a fraction. */
    seconds(name: Name): number {
      const most = variables[name]?.most ?? Number.MAX_SAFE_INTEGER
      const value = text(name)
      const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN
      if (seconds >= 0 && seconds <= most) return seconds
      faults.push(`${name} must be a number of seconds from 0 to ${most}.`)
      return Number(standard(name))
    },
    oneOf<N extends Name>(name: N): ValueOf<V[N]> {
      const allowed = variables[name]?.values ?? []
      const value = text(name)
      if (!allowed.includes(value)) faults.push(`${name} must be one of ${allowed.join(', ')}.`)
      return value as ValueOf<V[N]>
    },
    /** Host names as URLs have them: in ASCII, without anything around them. */
    hosts(name: Name): string[] {
      return list(name).map((entry) => {
        const bare = /^\[[0-9a-f:.]+\]$/.test(entry) || !/[:/?#@\\%\s]/.test(entry)
        const hostname = bare ? URL.parse(`https://${entry}/`)?.hostname : undefined
        if (hostname && /^(\[.+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/.test(hostname)) return hostname
        faults.push(
          `${name} takes host names such as app.example.com, without scheme, port, path or wildcard: "${entry}" is not one.`,
        )
        return entry
      })
    },
    /** Separated by commas or spaces. */
    networks(name: Name): string[] {
      const entries = text(name)
        .split(/[\s,]+/)
        .filter(Boolean)
      for (const entry of entries) {
        if (!ipaddr.isValid(entry) && !ipaddr.isValidCIDR(entry))
          faults.push(`${name}: "${entry}" is neither an address nor a CIDR block.`)
      }
      return entries
    },
    /** A secret, from `NAME` or from the file that `NAME_FILE` names. Its value never enters a message. */
    secret: (name: Name) => readSecret(env, name, faults),
  }
}
