// What an operator types to see and end what people and clients have, and reads as the answer. No token and no session id is in it.
import { parseArgs } from 'node:util'
import { OperatorError, UsageError } from '../errors.ts'
import {
  approvalsOfClient,
  type Belongings,
  belongingsOf,
  endSignIns,
  forgetPerson,
  listClients,
  listPeople,
  type PeopleOptions,
  removeClient,
} from './people.ts'

export const operatorUsage = `Usage: node operator-command.js <command>

  people list [--after CURSOR] [--json]    who signed in, and which clients each of them approved
  people show SUBJECT                      what there is of a person
  people forget SUBJECT [--yes]            ends all approvals and sessions, and takes the account away
  clients list [--after CURSOR] [--json]   clients that registered themselves
  clients remove CLIENT_ID [--yes]         takes one away, and ends what people approved of it
  sign-ins end [--yes]                     ends everybody's: needed after a backup was restored, before the service starts

Without --yes nothing is changed: forget and remove show what there is.
It needs the settings of the service, as the container has them.
`

/** Entries of a listing. */
const size = 100

export type PeopleCommand =
  | { readonly name: 'people list' | 'clients list'; readonly json: boolean; readonly after: string | undefined }
  | { readonly name: 'people show'; readonly of: string }
  | { readonly name: 'people forget' | 'clients remove'; readonly of: string; readonly yes: boolean }
  | { readonly name: 'sign-ins end'; readonly yes: boolean }

/** Undefined: asked for its usage. Throws {@link UsageError}. */
export function parseOperatorCommand(args: readonly string[]): PeopleCommand | undefined {
  const { values, positionals } = parse(args)
  if (values.help) return undefined
  const [what = '', verb = '', of, ...more] = positionals
  const { json = false, yes = false, after } = values
  const name = `${what} ${verb}`.trim()
  if (more.length > 0) throw new UsageError('That is too much: see below.')
  if (name === 'people list' || name === 'clients list') {
    if (of !== undefined || yes) throw new UsageError(`${name} takes --after and --json.`)
    return { name, json, after }
  }
  if (json || after !== undefined) throw new UsageError('--json and --after are for list.')
  if (name === 'sign-ins end' && of === undefined) return { name, yes }
  if (name === 'people show' && of && !yes) return { name, of }
  if ((name === 'people forget' || name === 'clients remove') && of) return { name, of, yes }
  throw new UsageError(name ? `There is no such command, or it lacks something: ${name}.` : 'Say a command.')
}

/** Returns what to print. Throws {@link OperatorError}, {@link CursorError}, and what the store throws. */
export async function runPeopleCommand(command: PeopleCommand, options: PeopleOptions): Promise<string> {
  switch (command.name) {
    case 'people list': {
      const { entries, next } = await listPeople(options, size, command.after)
      if (command.json) return `${JSON.stringify({ people: entries, next })}\n`
      const rows = entries.map(({ subject, label, clients }) => [subject, label, clients.join(' ') || '-'])
      return table([['subject', 'signed in as', 'approved clients'], ...rows], command.name, next)
    }
    case 'clients list': {
      const { entries, next } = await listClients(options, size, command.after)
      if (command.json) return `${JSON.stringify({ clients: entries, next })}\n`
      const rows = entries.map(({ id, name, used, until }) => [id, name || '-', used ? 'yes' : 'no', instant(until)])
      return table([['client', 'name', 'used', 'until'], ...rows], command.name, next)
    }
    case 'people show':
      return describe(command.of, await belongingsOf(command.of, options))
    case 'people forget': {
      const there = describe(command.of, await belongingsOf(command.of, options))
      if (!command.yes)
        return `${there}Nothing was changed. To forget this person: people forget ${shown(command.of)} --yes\n`
      await forgetPerson(command.of, options)
      return `${there}All of this has ended. Access tokens work until they expire where nobody asks about them.\n`
    }
    case 'clients remove': {
      const approvals = await approvalsOfClient(command.of, options)
      const there = approvals.map(({ subject }) => `approved by ${shown(subject)}\n`).join('')
      if (!command.yes)
        return `${there}Nothing was changed. To remove this client: clients remove ${shown(command.of)} --yes\n`
      const { registered, ended } = await removeClient(command.of, options)
      if (registered) return `${there}Removed: ${shown(command.of)}\n`
      const why = 'No client with this id registered itself. Those of AUTH_CLIENTS_FILE are removed there.'
      if (ended === 0) throw new OperatorError(why)
      return `${there}Its approvals have ended. ${why}\n`
    }
    case 'sign-ins end': {
      if (!command.yes) return `${aboutSignIns}Nothing was changed. To do it: sign-ins end --yes\n`
      return `All sign-ins have ended: ${await endSignIns(options)} records are gone.\n`
    }
  }
}

const aboutSignIns = `This ends all codes, refresh tokens, sessions and approvals: everybody signs in again.
Accounts, registered clients and signing keys stay.
`

function describe(subject: string, { account, approvals, sessions }: Belongings): string {
  if (!account && approvals.length + sessions.length === 0)
    throw new OperatorError(`There is nothing of ${shown(subject)}: no account, no approval and no session.`)
  const { label, facts } = account ?? {}
  return [
    `subject    ${shown(subject)}\n`,
    account ? `account    ${shown(label ?? '')}\n` : 'account    none\n',
    ...(facts
      ? [`asked      ${instant(facts.checkedAt)}, ${facts.upstreamToken ? 'with' : 'without'} a token to ask again\n`]
      : []),
    ...approvals.map(({ clientId, since }) => `approval   ${shown(clientId)}, since ${instant(since * 1000)}\n`),
    `sessions   ${sessions.length}\n`,
  ].join('')
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        yes: { type: 'boolean' },
        after: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function table(rows: readonly (readonly string[])[], command: string, next: string | undefined): string {
  const cells = rows.map((row) => row.map(shown))
  const widths = cells.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(cell.length, most[i] ?? 0)), [])
  const lines = cells.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))
  const more = next === undefined ? [] : ['', `More: ${command} --after ${next}`]
  return [...lines, ...more].map((line) => `${line.trimEnd()}\n`).join('')
}

/** Names are those of strangers: nothing that a terminal obeys, and not much of it. */
function shown(text: string): string {
  const plain = text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
  return plain.length > 200 ? `${plain.slice(0, 199)}…` : plain
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+/, '')
}
