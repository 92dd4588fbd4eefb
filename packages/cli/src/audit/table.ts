// Lines of an audit for people: a row each, in columns. What is in them strangers may have made up.
import { cutTo, pad, widthOf } from '@gatehouse/client/command-line'
import { cleanLine } from '@gatehouse/network'
import type { AuditLine } from '@gatehouse/shared'

const heads = ['TIME', 'WHO', 'CLIENT', 'WHAT', 'RESULT', 'MS', 'GRANT'] as const
/** Columns of the terminal that a cell may take. */
const widest = 40
/** Characters of a grant: enough to name it to `--grant`. */
const grantShown = 8

/** `columns`: of the terminal; undefined: nothing is cut. */
export function tableOf(lines: readonly AuditLine[], columns: number | undefined): readonly string[] {
  if (lines.length === 0) return []
  const names = new Map(lines.flatMap(({ subject, name }) => (subject && name ? [[subject, name] as const] : [])))
  const clients = new Map(
    lines.flatMap(({ client, clientName }) => (client && clientName ? [[client, clientName] as const] : [])),
  )
  const rows = [heads, ...lines.map((line) => cellsOf(line, { names, clients }))]
  const widths = heads.map((_, index) => Math.max(...rows.map((row) => widthOf(row[index] ?? ''))))
  return rows.map((row) => {
    const text = row
      .map((cell, index) => pad(cell, widths[index] ?? 0))
      .join('  ')
      .trimEnd()
    return columns === undefined ? text : cutTo(text, columns)
  })
}

type Known = Readonly<Record<'names' | 'clients', ReadonlyMap<string, string>>>

function cellsOf(line: AuditLine, { names, clients }: Known): readonly string[] {
  const { time, subject, name, client, outcome, reason, decision, rule, ms, grant } = line
  const result = [outcome === 'ok' && decision === 'deny' ? 'denied' : outcome, reason, rule && `rule ${rule}`]
  return [
    time.replace('T', ' ').replace('Z', ''),
    name ?? names.get(subject ?? '') ?? subject ?? '-',
    clients.get(client ?? '') ?? client ?? '-',
    whatIn(line),
    result.filter(Boolean).join(', '),
    ms === undefined ? '' : String(ms),
    grant?.slice(0, grantShown) ?? '',
  ].map((cell) => cutTo(cleanLine(cell), widest))
}

function whatIn({ event, method, tool, prompt, resource, upstream, grantType, lines, keys }: AuditLine): string {
  if (event !== 'mcp_request') {
    const detail = grantType?.replace(/^.*:/, '') ?? (lines === undefined ? keys?.join(' ') : String(lines))
    return [event, detail].filter(Boolean).join(' ')
  }
  const thing = tool ?? prompt ?? resource
  return [thing === undefined ? method : thing, upstream && !thing?.startsWith(`${upstream}__`) && `(${upstream})`]
    .filter(Boolean)
    .join(' ')
}
