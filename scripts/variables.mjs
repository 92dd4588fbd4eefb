// Writes docs/variables.md from the tables that the services and the client read their variables by. From the source:
// node --conditions=gatehouse-source scripts/variables.mjs
// `--check` says what differs instead; `--json` prints the names of each service.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeLifetimes } from '../apps/auth/src/lifetimes.ts'
import { loginVariables, ownVariables as ofAuth } from '../apps/auth/src/variables.ts'
import { ownVariables as ofMcp } from '../apps/mcp/src/variables.ts'
import { clientVariables } from '../packages/client/src/commands/environment.ts'
import { serviceVariables } from '../packages/service/src/variables.ts'

const file = join(import.meta.dirname, '..', 'docs/variables.md')
const text = `# Variables

<!-- scripts/variables.mjs makes this file of what the programs read. A change there is followed by:
node --conditions=gatehouse-source scripts/variables.mjs -->

An empty variable counts as one that is not set. A faulty value is a start fault; all faults are told at once. Where *file* is
noted, \`NAME_FILE\` may name a file that has the value: set one of the two.

## Both services

${table(serviceVariables)}

Traces are set by the variables of OpenTelemetry: see [tracing.md](tracing.md).

## Authorization server

${table(ofAuth)}

## Sign-in

Of the authorization server, too. What each login needs is in [operations.md](operations.md#sign-in).

${table(loginVariables)}

## Lifetimes

\`AUTH_LIFETIMES\` is a JSON object, such as \`{"accessToken":300}\`. All are seconds.

${lifetimes()}

A longer one counts for what is issued from then on. A shorter \`refreshToken\` or \`unverifiedDevice\` counts at once, for tokens that are
out as well.

## MCP server

${table(ofMcp)}

## The command

${table(clientVariables)}
`

const option = process.argv[2]
if (option === '--json') console.log(JSON.stringify({ auth: names(ofAuth, loginVariables), mcp: names(ofMcp) }))
else if (option !== '--check') writeFileSync(file, text)
else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/variables.md is not what the code says: node --conditions=gatehouse-source scripts/variables.mjs')
  process.exitCode = 1
}

function names(...tables) {
  const variables = Object.assign({}, serviceVariables, ...tables)
  return Object.entries(variables).map(([name, { secret = false }]) => ({ name, isSecret: secret }))
}

function table(variables) {
  const rows = Object.entries(variables).map(([name, variable]) => [
    `\`${name}\`${variable.secret ? ' (*file*)' : ''}`,
    variable.otherwise ?? (variable.default === undefined ? '' : `\`${variable.default}\``),
    purpose(variable),
  ])
  return markdown(['variable', 'by default', 'what for'], rows)
}

/** The default stands beside it, and what each value does may be told already. */
function purpose({ does, values = [], most, default: standard }) {
  const isTold = values.every((value) => value === standard || does.includes(`\`${value}\``))
  const told = isTold ? '' : `: ${values.map((value) => `\`${value}\``).join(', ')}`
  return `${does}${told}${most === undefined ? '' : `. At most ${most}`}`
}

function lifetimes() {
  const rows = Object.entries(describeLifetimes()).map(([name, one]) => [
    `\`${name}\``,
    String(one.default ?? ''),
    `${one.minimum} to ${one.maximum}`,
    one.description,
  ])
  return markdown(['name', 'by default', 'bounds', 'what lasts so long'], rows)
}

function markdown(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  for (const cell of rows.flat())
    if (cell === undefined || cell.length > 120) throw new Error(`a cell is longer than 120 characters: ${cell}`)
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
