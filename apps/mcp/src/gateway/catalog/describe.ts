// What a client is told of an endpoint: what any of its upstreams can do, and how they say they are used.
import type { Description, Era, Json, Members } from '../upstreams/contract.ts'
import type { EndpointDescription } from './contract.ts'
import { readable } from './shapes.ts'

/** Bytes, of all upstreams together where there are several. */
const mostBytes = 8_192

/** There even where every upstream is down: what comes back later is announced. */
const always = { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true } }

interface Described {
  readonly name: string
  /** Last. */
  readonly said: Description | undefined
  /** Whether its instructions are. */
  readonly isTold: boolean
}

/** `upstreams`: all of them, in the order of the file. */
export function describeEndpoint(upstreams: readonly Described[], era: Era): EndpointDescription {
  const said = upstreams.flatMap(({ said }) => (said ? [{ ...said, capabilities: readable(said.capabilities) }] : []))
  const capabilities = withoutTaskList([...said.map((one) => understood(one, era)), always].reduce<Members>(union, {}))
  const texts = upstreams.flatMap(({ name, said, isTold }) =>
    said?.instructions && isTold ? [{ name, text: said.instructions }] : [],
  )
  const instructions = upstreams.length === 1 ? texts[0]?.text : texts.length > 0 ? joined(texts) : undefined
  return { capabilities, instructions }
}

/** Tasks are found by their ids alone: see ../relay/relay.ts. */
function withoutTaskList({ tasks, ...others }: Members): Members {
  if (!isObject(tasks)) return others
  const { list: _, ...rest } = tasks
  return { ...others, tasks: rest }
}

/** Of an upstream of the other era only what both eras have in the same way: tasks, for one, stay within theirs. */
function understood({ era: theirs, capabilities }: Description, era: Era): Members {
  if (theirs === era) return capabilities
  const { completions, logging, resources } = capabilities
  return {
    ...(completions && { completions }),
    ...(logging && { logging }),
    ...(resources?.subscribe && { resources: { subscribe: resources.subscribe } }),
  }
}

/** Members of both; of two values that are no objects, the one that is not false. */
function union(one: Members, other: Members): Members {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return Object.fromEntries([...names].map((name) => [name, either(own(one, name), own(other, name))]))
}

function either(one: Json, other: Json): Json {
  if (one === undefined || other === undefined) return one ?? other
  return isObject(one) && isObject(other) ? union(one, other) : one || other
}

const own = (members: Members, name: string): Json => (Object.hasOwn(members, name) ? members[name] : undefined)
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Each under its name. Who says little leaves room to who says more. */
function joined(texts: readonly { readonly name: string; readonly text: string }[]): string {
  // quoted, so that nobody writes a section of another's
  const sections = texts.map(({ name, text }) => `# ${name}\n${text.replaceAll(/^/gm, '> ')}`)
  let room = mostBytes - 2 * (sections.length - 1) // what stands between two
  let left = sections.length
  const cut = new Map<string, string>()
  for (const section of sections.toSorted((one, other) => one.length - other.length)) {
    const text = cutTo(section, Math.floor(room / left--))
    room -= Buffer.byteLength(text)
    cut.set(section, text)
  }
  return sections.map((section) => cut.get(section)).join('\n\n')
}

function cutTo(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text
  const mark = '…'
  // a character that the cut went through is left out
  return (
    Buffer.from(text)
      .subarray(0, Math.max(0, bytes - Buffer.byteLength(mark)))
      .toString()
      .replace(/\ufffd$/, '') + mark
  )
}
