import { isObject } from './message.ts'

/** Members of `params` that are made of optional members. What else there is may be somebody's data, null included. */
const structures = ['capabilities', 'clientInfo'] as const
/** Members of `_meta` that the protocol has, which are such structures too. */
const ofProtocol = /^io\.modelcontextprotocol\//

/** Takes out of a message what is null and need not be there: many clients write null for a member that they leave out. */
export function withoutNulls(body: unknown): unknown {
  if (!isObject(body) || !('params' in body)) return body
  const { params, ...rest } = body as { readonly params: unknown }
  if (params === null) return rest
  if (!isObject(params) || !hasNulls(params)) return body
  const present: Record<string, unknown> = presentIn(params)
  for (const name of structures) if (name in present) present[name] = deeplyPresent(present[name])
  if (isObject(present._meta)) {
    const meta = Object.entries(presentIn(present._meta))
    present._meta = Object.fromEntries(
      meta.map(([name, value]) => [name, ofProtocol.test(name) ? deeplyPresent(value) : value]),
    )
  }
  return { ...rest, params: present }
}

/** Whether there is anything to take out: mostly there is not. */
function hasNulls(params: object): boolean {
  const { _meta: meta, ...others } = params as Readonly<Record<string, unknown>>
  if (meta === null || Object.values(others).includes(null)) return true
  if (structures.some((name) => hasNullsBelow(others[name]))) return true
  if (!isObject(meta)) return false
  return Object.entries(meta).some(([name, value]) => value === null || (ofProtocol.test(name) && hasNullsBelow(value)))
}

function hasNullsBelow(value: unknown): boolean {
  return isObject(value) && Object.values(value).some((member) => member === null || hasNullsBelow(member))
}

function deeplyPresent(value: unknown): unknown {
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(presentIn(value)).map(([name, member]) => [name, deeplyPresent(member)]))
}

function presentIn(parent: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parent).filter(([, value]) => value !== null))
}
