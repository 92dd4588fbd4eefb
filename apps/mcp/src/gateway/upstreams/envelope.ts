// What belongs to one hop of 2026-07-28: who speaks which version with which capabilities. It is made for each hop, and
// never passed on.
import type { TraceContext } from '@gatehouse/shared'
import type { Behalf, Era, Members } from './contract.ts'

const own = 'io.modelcontextprotocol/'
const version = `${own}protocolVersion`
const clientInfo = `${own}clientInfo`
const clientCapabilities = `${own}clientCapabilities`
const logLevel = `${own}logLevel`
const serverInfo = `${own}serverInfo`
const subscription = `${own}subscriptionId`
const hopMembers = [version, clientInfo, clientCapabilities, logLevel, serverInfo, subscription, 'progressToken']

/** Newest first; what is asked for, and what is understood besides. */
export const versions = { modern: '2026-07-28', legacy: '2025-11-25' } as const

/** How the gateway introduces itself to upstreams. */
export interface Identity {
  readonly name: string
  readonly version: string
}

/**
 * `params` with an envelope of the gateway's own. `progressToken`: what progress is told under. `trace`: which span asks
 * (SEP-414), in the place of the client's own; undefined: that one passes.
 */
export function paramsFor(
  params: Members | undefined,
  {
    era,
    identity,
    behalf,
    progressToken,
    trace,
  }: {
    readonly era: Era
    readonly identity: Identity
    readonly behalf: Pick<Behalf, 'logLevel'> & { readonly capabilities: Members }
    readonly progressToken: number | undefined
    readonly trace?: TraceContext | undefined
  },
): Members | undefined {
  const meta = {
    ...withoutHop(params?._meta, trace && ['tracestate']),
    ...trace,
    ...(progressToken !== undefined && { progressToken }),
    ...(era === '2026' && {
      [version]: versions.modern,
      [clientInfo]: identity,
      [clientCapabilities]: behalf.capabilities,
      ...(behalf.logLevel !== undefined && { [logLevel]: behalf.logLevel }),
    }),
  }
  if (Object.keys(meta).length > 0) return { ...params, _meta: meta }
  if (params === undefined) return undefined
  const { _meta, ...rest } = params
  return rest
}

/** A result without what its hop added; in the form that clients of `era` know. */
export function resultFor(result: Members, era: Era): Members {
  const { _meta, ...rest } = result
  const meta = withoutHop(_meta)
  if (era === '2025')
    for (const name of ['resultType', 'ttlMs', 'cacheScope']) delete (rest as Record<string, unknown>)[name]
  const hasMeta = _meta !== undefined && (Object.keys(meta).length > 0 || Object.keys(_meta).length === 0)
  return hasMeta ? { ...rest, _meta: meta } : rest
}

/** The version that a request of 2026-07-28 says it is of. */
export function protocolVersionIn(params: Members | undefined): string | undefined {
  const said: unknown = params?._meta?.[version]
  return typeof said === 'string' ? said : undefined
}

export function serverInfoIn(result: Members): Members | undefined {
  return result._meta?.[serverInfo]
}

/** The params of a question without what its hop added. */
export function questionParams(params: Members): Members {
  const { _meta, ...rest } = params
  const meta = withoutHop(_meta)
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest
}

/** The members of `_meta` that are for whom they reach in the end. */
function withoutHop(meta: unknown, others: readonly string[] = []): Record<string, unknown> {
  if (typeof meta !== 'object' || meta === null) return {}
  return Object.fromEntries(Object.entries(meta).filter(([name]) => ![...hopMembers, ...others].includes(name)))
}
