// Which lines somebody asked for. A line of the MCP server has no name of a person, and a sign-in has no grant yet: other lines
// say whose and of what they are.
import type { AuditLine } from '@gatehouse/shared'

export interface Choice {
  /** A subject, or the name that a person was shown as. */
  readonly person?: string | undefined
  /** A glob over tools, prompts and resources, as clients call them. */
  readonly tool?: string | undefined
  /** The beginning of its id. */
  readonly grant?: string | undefined
  /** A client id, or what the client calls itself. */
  readonly client?: string | undefined
  readonly refused?: boolean
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** By time. */
export function choose(lines: readonly AuditLine[], choice: Choice): readonly AuditLine[] {
  const tests = [ofPerson, ofTool, ofGrant, ofClient, refusals, inTime].map((make) => make(lines, choice))
  return lines
    .filter((line) => tests.every((test) => !test || test(line)))
    .sort((one, other) => one.time.localeCompare(other.time))
}

type Test = ((line: AuditLine) => boolean) | undefined
type Make = (lines: readonly AuditLine[], choice: Choice) => Test

const ofPerson: Make = (lines, { person }) => {
  if (person === undefined) return undefined
  const subjects = new Set(lines.filter(({ name }) => isSame(name, person)).map(({ subject }) => subject))
  return ({ subject, name }) => isSame(subject, person) || isSame(name, person) || (!!subject && subjects.has(subject))
}

const ofTool: Make = (_lines, { tool }) => {
  if (tool === undefined) return undefined
  const parts = tool.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  const glob = new RegExp(`^${parts.join('.*')}$`, 's')
  return (line) => [line.tool, line.prompt, line.resource].some((name) => name !== undefined && glob.test(name))
}

const ofGrant: Make = (lines, { grant }) => {
  if (grant === undefined) return undefined
  const isOf = (line: AuditLine) => line.grant?.startsWith(grant) === true
  const flows = new Set(lines.filter((line) => isOf(line) && line.flow).map(({ flow }) => flow))
  return (line) => isOf(line) || (line.flow !== undefined && flows.has(line.flow))
}

const ofClient: Make = (lines, { client }) => {
  if (client === undefined) return undefined
  const ids = new Set(lines.filter(({ clientName }) => isSame(clientName, client)).map(({ client: id }) => id))
  return (line) => line.client === client || (line.client !== undefined && ids.has(line.client))
}

const refusals: Make = (_lines, { refused }) =>
  refused ? ({ decision, outcome }) => decision === 'deny' || outcome === 'refused' : undefined

const inTime: Make = (_lines, { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY }) => {
  return ({ time }) => Date.parse(time) >= since && Date.parse(time) <= until
}

function isSame(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase()
}
