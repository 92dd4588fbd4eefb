// What an upstream asks of the client in the middle of a call, before it reaches anybody: whether it may ask that at all,
// whether the client can be asked, and whether an address that it sends a person to is one that we let pass.
import { isLoopbackHost } from '@gatehouse/shared'
import type { UpstreamSettings } from '../settings.ts'
import { type Members, type Request, RpcError } from '../upstreams/contract.ts'
import { questionParams } from '../upstreams/envelope.ts'

export interface QuestionTerms {
  /** As the client declared them. */
  readonly capabilities: Members
  readonly settings: Pick<UpstreamSettings, 'name' | 'questions'>
  /** Several upstreams: people have to be told which one asks. */
  readonly named: boolean
  /** Origins that nobody may be sent to by an upstream: the issuer's and the endpoints'. */
  readonly ownOrigins: readonly string[]
  /** Whether http is let pass on loopback. */
  readonly development: boolean
}

/** JSON-RPC: the client has not declared what it would need (2026-07-28). */
const missingCapability = -32_021
const refused = -32_603

/** An error by which an upstream sends a person to an address (2025-11-25), instead of a question. */
const addressRequired = -32_042
const mostAddresses = 10

/**
 * An upstream's error as the client gets it: the addresses in it are judged as those in questions are. What may not be asked
 * is another error.
 */
export function checkedError(error: RpcError, terms: QuestionTerms): RpcError {
  const { elicitations } = (error.data ?? {}) as { readonly elicitations?: unknown }
  if (error.code !== addressRequired || elicitations === undefined) return error
  if (!Array.isArray(elicitations) || elicitations.length > mostAddresses)
    return new RpcError(refused, `${terms.settings.name} asks for something that is no list of addresses`)
  try {
    const judged = elicitations.map((one) => {
      const params = { ...(typeof one === 'object' && one), mode: 'url' }
      return questionFor({ method: 'elicitation/create', params }, terms).params
    })
    return new RpcError(error.code, error.message, { ...(error.data as object), elicitations: judged })
  } catch (refusal) {
    if (refusal instanceof RpcError) return refusal
    throw refusal
  }
}

/** The question as the client gets it. Throws an {@link RpcError} for one that nobody may be asked. */
export function questionFor({ method, params: given }: Request, terms: QuestionTerms): Request {
  // a question that becomes a task of the client is asked for by its id, which others could use
  const { task: _, ...params } = questionParams(given ?? {}) as Members & { task?: unknown }
  const { settings, named } = terms
  if (method === 'elicitation/create') {
    const isUrl = params?.mode === 'url'
    allow(
      isUrl ? settings.questions.url : settings.questions.form,
      settings.name,
      isUrl ? 'questions.url' : 'questions.form',
    )
    needs(canElicit(terms.capabilities, isUrl ? 'url' : 'form'), { elicitation: { [isUrl ? 'url' : 'form']: {} } })
    if (isUrl) checkAddress(params?.url, terms)
    const message =
      named && typeof params?.message === 'string' ? `${settings.name}: ${params.message}` : params?.message
    return { method, params: { ...params, ...(message !== undefined && { message }) } }
  }
  if (method === 'sampling/createMessage') {
    allow(settings.questions.sampling, settings.name, 'questions.sampling')
    needs(terms.capabilities.sampling !== undefined, { sampling: {} })
  } else if (method === 'roots/list') {
    allow(settings.questions.roots, settings.name, 'questions.roots')
    needs(terms.capabilities.roots !== undefined, { roots: {} })
  } else {
    // a client may know more: what it holds for another upstream, for one
    throw new RpcError(-32_601, `${settings.name} may not ask this here: ${method.slice(0, 100)}`)
  }
  return Object.keys(params).length === 0 ? { method } : { method, params }
}

/** Without a mode it is `form`. */
function canElicit({ elicitation }: Members, mode: 'form' | 'url'): boolean {
  if (typeof elicitation !== 'object' || elicitation === null) return false
  return elicitation[mode] !== undefined || (mode === 'form' && elicitation.url === undefined)
}

function allow(isAllowed: boolean, upstream: string, setting: string): void {
  if (!isAllowed) throw new RpcError(refused, `${upstream} may not ask this here: ${setting} is off`)
}

function needs(isThere: boolean, requiredCapabilities: Members): void {
  if (!isThere) throw new RpcError(missingCapability, 'The client cannot be asked this', { requiredCapabilities })
}

function checkAddress(address: unknown, { settings: { name }, ownOrigins, development }: QuestionTerms): void {
  const url = typeof address === 'string' && !/[\p{Cc}\s]/u.test(address) ? URL.parse(address) : null
  const isLoopback = url !== null && isLoopbackHost(url.hostname)
  const isFine = url?.protocol === 'https:' || (development && isLoopback && url?.protocol === 'http:')
  if (!url || !isFine || url.username || url.password) {
    throw new RpcError(
      refused,
      `${name} wants to send the person to an address that is not let pass: it must be plain https`,
    )
  }
  if (ownOrigins.some((own) => placeOf(own) === placeOf(url.href))) {
    throw new RpcError(refused, `${name} wants to send the person to this gateway's own pages: that is never let pass`)
  }
}

/** Where a browser ends up: a name may end in a dot, and this machine has several names. The scheme makes no difference. */
function placeOf(address: string): string {
  const { protocol, hostname, port } = new URL(address)
  const host = isLoopbackHost(hostname) ? 'localhost' : hostname.replace(/\.$/, '')
  return `${host}:${port || (protocol === 'http:' ? '80' : '443')}`
}
