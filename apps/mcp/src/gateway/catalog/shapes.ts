// What of an upstream's words clients can read. Their SDKs refuse a whole list, or a whole greeting, for one item that is not as
// the specification has it: so one upstream could take away all others.
import { isSpecType } from '@modelcontextprotocol/server'
import type { Json, Members } from '../upstreams/contract.ts'
import type { Kind } from './contract.ts'

const types = {
  tools: isSpecType.Tool,
  prompts: isSpecType.Prompt,
  resources: isSpecType.Resource,
  resourceTemplates: isSpecType.ResourceTemplate,
} as const

/** Whether clients can read it, unknown members and all. */
export function isReadable(kind: Kind, item: Members): boolean {
  // that of 2026-07-28 may be any schema
  const { outputSchema, ...rest } = item
  return types[kind](rest) && (outputSchema === undefined || isMembers(outputSchema))
}

/** Of capabilities those that clients can read. */
export function readable(capabilities: Members): Members {
  return Object.fromEntries(
    Object.entries(capabilities).filter(
      ([name, value]) =>
        isMembers(value) && isSpecType.ServerCapabilities({ [name]: value }) && hasMembers(name, value),
    ),
  )
}

/** In these each member is something of its own, about which nothing is known but that. */
function hasMembers(name: string, value: Members): boolean {
  return (name !== 'experimental' && name !== 'extensions') || Object.values(value).every(isMembers)
}

function isMembers(value: Json): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
