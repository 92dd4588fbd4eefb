// The engine's view of the request under way, where its adapter is called by one: outside of the engine there is no request.
import { type KoaContextWithOIDC, Provider } from 'oidc-provider'

export function context(): KoaContextWithOIDC | undefined {
  return Provider.ctx as KoaContextWithOIDC | undefined
}

export function isSignedIn(): boolean {
  return Boolean(context()?.oidc.session?.accountId)
}

export function sessionUid(): string | undefined {
  return context()?.oidc.session?.uid
}
