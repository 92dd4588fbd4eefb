import { examine, type Finding, sortFindings } from '@gatehouse/doctor'
import { exits } from '@gatehouse/network'
import type { Client } from '../client.ts'
import { findingOf } from '../doctor/behind.ts'
import { reportDocument, reportLines } from '../doctor/report.ts'
import { examinedUrl } from '../doctor/url.ts'
import type { Command } from './command.ts'
import { usageError } from './options.ts'

export const doctor: Command = {
  name: 'doctor',
  operands: '[URL]',
  summary: 'find out why clients cannot connect to a server',
  details: [
    'Asks any MCP server what Claude, ChatGPT, VS Code, Cursor and the MCP Inspector ask it before they sign in, and names each fault in one line with the fix and the section of the specification. It signs in nowhere.',
    'Where you are signed in already, it also asks the gateway which of the servers behind it are in trouble.',
    'To see whether clients can register, it registers as VS Code does (with --register as each of them, with --no-register as none) and deletes that again where the server lets it; what stays behind is told.',
  ],
  options: {
    register: { type: 'boolean', help: 'try the registration of every client, not of one' },
    'no-register': { type: 'boolean', help: 'register nothing' },
  },
  async run({ client, accessTo, terminal, values, operands, json, clock, fetch, lookup, signal }) {
    if (operands.length > 1) throw usageError('One server at a time.', 'For example:', 'doctor https://example.com/mcp')
    if (values.register && values['no-register'])
      throw usageError('Not both --register and --no-register.', 'Choose one.')
    const start = operands[0] === undefined ? client.url : examinedUrl(operands[0])
    if (!json) terminal.status(`Examining ${start.href} …`)
    const examined = await examine({
      clock,
      fetch,
      lookup,
      signal,
      start,
      register: values['no-register'] ? 'none' : values.register ? 'all' : 'one',
      allowPrivateAddresses: values['allow-private-addresses'] === true,
    })
    const behind = await findBehind(operands[0] === undefined ? () => client : () => accessTo(start).client)
    const diagnosis = { ...examined, findings: sortFindings([...examined.findings, ...behind]) }
    const severities = diagnosis.findings.map(({ severity }) => severity)
    const exit = severities.includes('fault')
      ? exits.doctorFoundFaults
      : severities.includes('warning')
        ? exits.doctorWarned
        : exits.ok
    if (json) terminal.json(reportDocument(diagnosis, exit.code))
    else terminal.result(reportLines(diagnosis, terminal).join('\n'))
    return exit.code
  },
}

/** What the gateway says of the servers behind it. Nothing where nobody is signed in: that is not the doctor's to do. */
async function findBehind(clientOf: () => Client): Promise<readonly Finding[]> {
  try {
    const client = clientOf()
    await client.session()
    return (await client.withServer((server) => server.upstreamTroubles())).map(findingOf)
  } catch {
    return [] // there is no gateway to ask, or none that answers: what keeps clients from it was found without it
  }
}
