import { type AuthProvider, InsufficientScopeError } from '@modelcontextprotocol/client'
import { type ClientOptions, createClient } from './client.ts'
import { challengeOf } from './discovery/challenge.ts'
import type { DevicePrompt } from './flows/prompts.ts'
import { insufficientScope } from './mcp/mcp-error.ts'
import { createMemoryStore } from './session/memory-store.ts'
import type { Store } from './session/store.ts'
import { needsSignIn } from './session/token-source.ts'

export interface DeviceAuthProviderOptions extends Omit<ClientOptions, 'store' | 'prompts' | 'openUrl'> {
  /** Show the person where to go and which code must appear there. What is handed over is checked and cleaned. */
  readonly onUserCode: (prompt: DevicePrompt) => void
  /** Where sign-ins are kept, by default in memory. {@link createStore} keeps them in files, for later runs too. */
  readonly store?: Store | undefined
  /** Space-separated; absent: what the server asks for. */
  readonly scope?: string | undefined
  /** Seconds to wait for the person; absent: as long as the server does. */
  readonly timeout?: number | undefined
}

export interface DeviceAuthProvider extends AuthProvider {
  /**
   * Runs `work`. When it throws the SDK's `InsufficientScopeError` (403), the person signs in for what is held and what
   * is needed together, and `work` runs again; three times at most.
   */
  steppingUp<T>(work: () => Promise<T>): Promise<T>
  /** Forgets the sign-in and, if it can, has the server revoke it. */
  signOut(): Promise<void>
}

/**
 * The device flow (RFC 8628) for `@modelcontextprotocol/client`: give it to a transport as its `authProvider`. The
 * person is asked when the server first answers 401, and again when a sign-in can no longer be renewed; requests that
 * run at the same time share one sign-in. Errors are {@link ClientError}s, as `session()` and `signIn()` throw them.
 */
export function createDeviceAuthProvider(options: DeviceAuthProviderOptions): DeviceAuthProvider {
  const { onUserCode, store = createMemoryStore(), scope, timeout, ...rest } = options
  const nothing = () => {}
  const prompts = { device: onUserCode, browser: nothing, moreAccess: nothing, trouble: nothing, settled: nothing }
  const client = createClient({ ...rest, store, prompts })
  let sent: string | undefined
  let signingIn: Promise<void> | undefined

  /** Another token than the one that was refused: an other request's, a renewed one, or that of a new sign-in. */
  async function replace(refused: string | undefined, response: Response): Promise<void> {
    try {
      await (refused === undefined ? client.session() : client.renew(refused))
    } catch (error) {
      if (!needsSignIn(error)) throw error
      await client.signIn({ flow: 'device', scope, timeout, challenge: challengeOf(response) })
    }
  }

  return {
    async token() {
      try {
        sent = (await client.session()).accessToken
      } catch (error) {
        if (!needsSignIn(error)) throw error
        sent = undefined // without a token the server answers 401, and says where to sign in
      }
      return sent
    },
    async onUnauthorized({ response }) {
      signingIn ??= replace(sent, response).finally(() => {
        signingIn = undefined
      })
      await signingIn
    },
    steppingUp: (work) =>
      client.steppingUp(
        () =>
          work().catch((error: unknown) => {
            throw error instanceof InsufficientScopeError ? insufficientScope(error) : error
          }),
        { timeout },
      ),
    async signOut() {
      await client.signOut()
    },
  }
}
