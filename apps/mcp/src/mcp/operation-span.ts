// The span of one message of a client, by the conventions of OpenTelemetry for MCP. It is part of the trace that the message
// names in `_meta` (SEP-414), else of that of the HTTP request which it came with.
import { activeSpan, inSpan, type Span, shownText } from '@gatehouse/service'
import { traceContextIn } from '@gatehouse/shared'
import type { Note, Noted } from './call-audit.ts'
import { memberOf } from './message.ts'

/** Characters of what clients call things by. */
const longestName = 128

/** `work` is given what to note on the span, undefined without one. */
export function inOperation<T>(body: unknown, work: (span: Span | undefined) => Promise<T>): Promise<T> {
  const method = memberOf(body, 'method')
  const request = activeSpan()
  if (!request || typeof method !== 'string') return work(undefined)
  const { name, attributes } = describeMessage(method, memberOf(body, 'params'))
  const given = traceContextIn(memberOf(memberOf(body, 'params'), '_meta'))
  const options = { kind: 'server', attributes, parent: { given }, links: given ? [request.context] : [] } as const
  return inSpan(name, options, work)
}

/** What a message is called, and what is said of it, on either side of the gateway. */
export function describeMessage(method: string, params: unknown) {
  const shown = shownText(method, longestName)
  const called = memberOf(params, 'name')
  const target = typeof called === 'string' ? shownText(called, longestName) : undefined
  const [tool, prompt] = [method === 'tools/call', method === 'prompts/get']
  return {
    name: target !== undefined && (tool || prompt) ? `${shown} ${target}` : shown,
    attributes: {
      'mcp.method.name': shown,
      ...(tool && { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': target }),
      ...(prompt && { 'gen_ai.prompt.name': target }),
    },
  }
}

/** What the audit is told is on the span, too; so also where there is no audit. The first word of a matter counts. */
export function noteOnSpan(span: Span | undefined, note: Note | undefined): Note | undefined {
  if (!span) return note
  const said = new Set<string>()
  return (noted) => {
    note?.(noted)
    if (!said.has('outcome') && noted.outcome !== undefined) markOutcome(span, noted)
    for (const name of ['decision', 'rule', 'upstream', 'credential', 'outcome'] as const) {
      if (noted[name] === undefined || said.has(name)) continue
      said.add(name)
      span.set({ [`gatehouse.${name}`]: noted[name] })
    }
  }
}

function markOutcome(span: Span, { outcome, reason = '_OTHER' }: Noted): void {
  if (outcome === 'ok' || outcome === 'question') return
  span.fail(reason === 'tool' ? 'tool_error' : reason)
  if (/^-\d+$/.test(reason)) span.set({ 'rpc.response.status_code': reason })
}
