import { AUDIT_FORMAT, type AuditLine, auditLine } from '@gatehouse/shared'

const begin = `{"audit":${AUDIT_FORMAT},`

/** Undefined for what is no line of an audit, such as one of the log. What containers put before a line is left out. */
export function readLine(text: string): AuditLine | 'unreadable' | undefined {
  const at = text.indexOf(begin)
  if (at === -1) return undefined
  try {
    return auditLine.safeParse(JSON.parse(text.slice(at))).data ?? 'unreadable'
  } catch {
    return 'unreadable'
  }
}
