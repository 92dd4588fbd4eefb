// A diagnosis as lines for people, and as a document for scripts. Pure.

import type { ClientVerdict, Diagnosis, Finding, Severity } from '@gatehouse/doctor'
import { widthOf, wrap } from '../terminal/layout.ts'
import type { Terminal } from '../terminal/terminal.ts'

const marks = {
  fault: { mark: '✗', format: 'red' },
  warning: { mark: '!', format: 'yellow' },
  note: { mark: '·', format: 'dim' },
} as const

/** Each finding: what, the fix, the section. On a terminal the fix begins a line and all is wrapped; elsewhere it is one line. */
export function reportLines(diagnosis: Diagnosis, terminal: Terminal): string[] {
  const { url, issuer, findings, clients, leftBehind, requests } = diagnosis
  const width = terminal.resultsOnTerminal ? terminal.columns : Number.POSITIVE_INFINITY
  const style: Terminal['style'] = (format, text) => (terminal.resultsOnTerminal ? terminal.style(format, text) : text)
  const line = (mark: string, text: string) => {
    const [first = '', ...rest] = wrap(text, width - 2)
    return [`${mark} ${first}`, ...rest.map((part) => `  ${part}`)]
  }
  const findingLines = (finding: Finding) => {
    const { mark, format } = marks[finding.severity]
    return line(
      style(format, mark),
      findingText(finding, { strong: (id) => style('bold', id), gap: terminal.resultsOnTerminal ? '\n' : ' ' }),
    )
  }
  return [
    ...wrap(
      `${url}${issuer === undefined ? '' : `, signing in at ${issuer}`}: ${requests} requests, nobody was signed in.`,
      width,
    ),
    ...(findings.length > 0 ? ['', ...findings.flatMap(findingLines)] : []),
    '',
    ...clients.flatMap((client) => line(verdictMark(client, style), verdictText(client, longest(clients)))),
    ...leftBehind.flatMap(({ name, clientId }) =>
      line(style('yellow', '!'), `The registration as ${name} was left on the server: client id ${clientId}.`),
    ),
    '',
    tally(findings),
  ]
}

export function reportDocument({ url, issuer, findings, clients, leftBehind, requests }: Diagnosis, exitCode: number) {
  return {
    url,
    issuer,
    findings,
    clients: clients.map(({ stoppedBy, ...client }) => ({ ...client, stopped_by: stoppedBy })),
    left_behind: leftBehind.map(({ name, clientId }) => ({ name, client_id: clientId })),
    requests,
    exit_code: exitCode,
  }
}

interface Wording {
  readonly strong: (id: string) => string
  /** What stands between the fault and its fix. */
  readonly gap: string
}

function findingText({ id, what, fix, spec, stops }: Finding, { strong, gap }: Wording): string {
  const stopped = stops.length > 0 ? ` Stops ${stops.join(', ')}.` : ''
  return `${strong(id)}: ${what}${gap}Fix: ${fix} (${spec})${stopped}`
}

function verdictMark({ stoppedBy }: ClientVerdict, style: Terminal['style']): string {
  return stoppedBy.length > 0 ? style('red', '✗') : style('green', '✓')
}

function verdictText({ name, identification, tried, stoppedBy }: ClientVerdict, width: number): string {
  const label = name.padEnd(width)
  if (stoppedBy.length > 0) return `${label}  is stopped by ${stoppedBy.join(', ')}`
  if (identification === 'document') return `${label}  can connect, with its client id metadata document`
  if (identification === 'given') return `${label}  needs a client id that somebody gives it`
  return `${label}  can ${tried ? 'connect: it was registered' : 'connect, if it is registered (not tried: --register)'}`
}

function longest(clients: readonly ClientVerdict[]): number {
  return Math.max(...clients.map(({ name }) => widthOf(name)))
}

/** `2 faults, 1 warning.` */
function tally(findings: readonly Finding[]): string {
  const parts = (['fault', 'warning', 'note'] as const).flatMap((severity: Severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length
    return count > 0 ? [`${count} ${severity}${count > 1 ? 's' : ''}`] : []
  })
  return parts.length > 0 ? `${parts.join(', ')}.` : 'Nothing is wrong.'
}
