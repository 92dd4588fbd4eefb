// What a request is made to say before the engine judges it. RFC 6749 §3.1 and RFC 8628 §3.1 have a server ignore what it
// does not know; the engine refuses instead what only OpenID Connect knows, and takes stray spaces for scopes. This is the
// one place where requests are tidied, and where what the engine drops of a scope is put back.
import { offlineAccess, parseScope } from '@gatehouse/shared'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { ResourcePolicy } from './resources.ts'

/** Means something in a request for an ID token alone. The engine refuses each of them without the scope `openid`. */
const openidAlone = ['acr_values', 'claims', 'claims_locales', 'id_token_hint', 'max_age', 'nonce']
/** The values of `prompt` that the engine knows. */
const prompts = new Set(['none', 'login', 'consent'])

/** Parameters by name. Doubled ones are arrays: the engine refuses them, so they stay as they are. */
export type Parameters = Readonly<Record<string, unknown>>

/** Of an authorization or a device authorization request. */
export function tidyAuthorization(parameters: Parameters, resources: ResourcePolicy): Parameters {
  const { prompt, ...rest } = tidyForm(parameters, resources)
  const isOpenId = scopesOf(rest).has('openid')
  const kept = Object.entries(rest).filter(
    ([name, value]) => isOpenId || Array.isArray(value) || !openidAlone.includes(name),
  )
  const known = typeof prompt === 'string' ? knownPrompts(prompt) : prompt
  return { ...Object.fromEntries(kept), ...(known !== undefined && { prompt: known }) }
}

/** Of any form: one spelling for the resource, so that the legs of a flow agree, and for the scope. */
export function tidyForm(parameters: Parameters, resources: ResourcePolicy): Parameters {
  const { resource, scope, ...rest } = parameters
  const spelled = typeof resource === 'string' ? resources.canonicalize(resource) : resource
  const listed = typeof scope === 'string' ? scope.split(' ').filter(Boolean).join(' ') || undefined : scope
  return {
    ...rest,
    ...(spelled !== undefined && { resource: spelled }),
    ...(listed !== undefined && { scope: listed }),
  }
}

/**
 * Of the address that a client opens: a resource that is named more than once, each time the same, is named once. Codex writes
 * such addresses. Different ones stay doubled, and are refused; so is each doubled member of a form (RFC 6749 §3.2).
 */
export function tidyAddress(parameters: Parameters, resources: ResourcePolicy): Parameters {
  const { resource } = parameters
  const distinct = new Set(
    Array.isArray(resource) ? resource.map((named) => resources.canonicalize(String(named))) : [],
  )
  return tidyAuthorization(distinct.size === 1 ? { ...parameters, resource: [...distinct][0] } : parameters, resources)
}

/** Our page of consent, which every request meets, offers another account (OpenID Connect Core §3.1.2.1). */
function knownPrompts(prompt: string): string | undefined {
  const named = prompt.split(' ').map((value) => (value === 'select_account' ? 'consent' : value))
  return [...new Set(named.filter((value) => prompts.has(value)))].join(' ') || undefined
}

/**
 * The engine takes `offline_access` for asked only where a page of consent was asked for, too. Here everybody who may have
 * a refresh token gets one, so who asks has it granted. To be called once the engine has judged the scope.
 */
export function keepOfflineAccess({ oidc, query }: KoaContextWithOIDC): void {
  const { params, client, body } = oidc
  const asked = scopesOf(body ?? query)
  if (!params || !client?.grantTypeAllowed('refresh_token') || !asked.has(offlineAccess)) return
  params.scope = [...new Set([...scopesOf(params), offlineAccess])].join(' ')
}

/**
 * Narrows a refresh request to what was granted of what it names (RFC 6749 §6). Clients name there what they asked for
 * once, granted or not: what was named in vain then is named in vain again, and anyone who has a refresh token was granted
 * `offline_access`. Where nothing else is named the request is as one without a scope; where anything else is, and none of
 * it was granted, the engine refuses. `findInVain` is asked for what the grant keeps of it, only where that matters.
 */
export async function narrowToGranted(
  granted: { readonly clientId?: string | undefined; readonly scope?: unknown },
  oidc: KoaContextWithOIDC['oidc'] | undefined,
  findInVain: () => Promise<ReadonlySet<string>>,
): Promise<void> {
  const { params, client } = oidc ?? {}
  if (!params || typeof params.scope !== 'string' || granted.clientId !== client?.clientId) return
  const [named, held] = [scopesOf(params), scopesOf(granted)]
  const left = [...named].filter((scope) => held.has(scope))
  if (left.some((scope) => scope !== offlineAccess)) {
    params.scope = left.join(' ')
    return
  }
  const inVain = await findInVain()
  if ([...named].every((scope) => scope === offlineAccess || inVain.has(scope))) params.scope = undefined
}

/** Has `scope` of a token answer tell all that was granted, the engine's own scopes too (RFC 6749 §5.1). */
export function tellWholeScope({ oidc, body }: KoaContextWithOIDC): void {
  const { Grant: grant, RefreshToken: refreshToken, AuthorizationCode: code, DeviceCode: deviceCode } = oidc.entities
  const source = code ?? deviceCode ?? refreshToken
  if (!grant || !source) return
  const answer = body as { scope?: string; readonly refresh_token?: string }
  const isRefresh = oidc.params?.grant_type === 'refresh_token'
  const named = isRefresh && oidc.params?.scope !== undefined ? scopesOf(oidc.params) : scopesOf(source)
  const ours = scopesOf({ scope: grant.getOIDCScopeFiltered(new Set(named)) })
  const told = [...scopesOf(answer), ...ours].filter(
    (scope) => scope !== offlineAccess || answer.refresh_token !== undefined,
  )
  if (told.length > 0) answer.scope = [...new Set(told)].join(' ')
}

function scopesOf(holder: { readonly scope?: unknown } | Readonly<Record<string, unknown>>): ReadonlySet<string> {
  return parseScope(typeof holder.scope === 'string' ? holder.scope : undefined)
}
