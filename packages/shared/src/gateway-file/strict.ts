import { z } from 'zod'

/**
 * An object without other members than these. `why` says more of one that is known elsewhere, or not built. `reason`: what
 * else there is to say of an unknown one.
 */
export function strict<T extends z.ZodRawShape>(
  shape: T,
  {
    why = {},
    reason,
  }: {
    readonly why?: Readonly<Record<string, string>>
    readonly reason?: string
  } = {},
) {
  const known = Object.keys(shape).filter((name) => name !== '$schema')
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined
      const keys = (issue as { readonly keys?: readonly string[] }).keys ?? []
      return JSON.stringify(
        Object.fromEntries(
          keys.map((key) => [
            key,
            Object.hasOwn(why, key)
              ? `${key} ${why[key]}`
              : `there is no such setting${reason ? `: ${reason}` : `, there are ${known.join(', ')}`}`,
          ]),
        ),
      )
    },
  })
}

/** What {@link strict} says, by unknown member. */
export function unknownMembers(message: string): Readonly<Record<string, string>> {
  return JSON.parse(message)
}
