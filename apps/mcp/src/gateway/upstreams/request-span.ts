// The span of one request to an upstream. The upstream is told of it: by `_meta` of the message, and over HTTP by a header.
import { activeSpan, inSpan } from '@gatehouse/service'
import type { TraceContext } from '@gatehouse/shared'
import { describeMessage } from '../../mcp/operation-span.ts'
import { type Members, type Request, RpcError, UpstreamError } from './contract.ts'

/** It stays open for as long as somebody listens. */
const listening = 'subscriptions/listen'

/** `work` is given what the upstream is told. Undefined: what goes on is part of no trace, and the message goes as it is. */
export function inRequest(
  upstream: string,
  { method, params }: Request,
  work: (trace: TraceContext | undefined) => Promise<Members>,
): Promise<Members> {
  if (!activeSpan() || method === listening) return work(undefined)
  const { name, attributes } = describeMessage(method, params)
  const options = { kind: 'client', attributes: { ...attributes, 'gatehouse.upstream': upstream } } as const
  return inSpan(name, options, async (span) => {
    try {
      const result = await work(span?.context)
      if (result.isError === true) span?.fail('tool_error')
      return result
    } catch (error) {
      if (error instanceof UpstreamError) span?.fail(error.fault)
      if (error instanceof RpcError) span?.set({ 'rpc.response.status_code': String(error.code) })
      throw error
    }
  })
}
