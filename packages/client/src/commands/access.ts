import { cleanLine } from '@gatehouse/network'
import type { SignInOptions } from '../client.ts'
import { createClient } from '../client.ts'
import type { Stop } from '../mcp/connection.ts'
import type { GivenIdentity } from '../registration/registration.ts'
import { type Session, subjectForDisplay } from '../session/session.ts'
import { createStore } from '../session/store.ts'
import { isNotSignedIn } from '../session/token-source.ts'
import { createSignInPrompts } from '../terminal/sign-in-prompts.ts'
import type { Terminal } from '../terminal/terminal.ts'
import type { Access, Host } from './command.ts'

export interface AccessOptions extends Host {
  readonly url: URL
  readonly home: string
  readonly terminal: Terminal
  readonly identity: GivenIdentity | undefined
  readonly clientMetadataUrl: string | undefined
  readonly flow: Session['flow']
  readonly scope: string | undefined
  /** Seconds to wait for the person. */
  readonly timeout: number | undefined
  readonly qr: boolean
  readonly allowPrivateAddresses: boolean
}

/** Signing in to one server as the command line says, with what the person is told of it. */
export function createAccess(options: AccessOptions): Access {
  const { url, home, terminal, clock, flow, scope, timeout, qr } = options
  const client = createClient({
    ...options,
    store: createStore({ home, notify: (notice) => terminal.warning(notice) }),
    prompts: createSignInPrompts(terminal, { server: url.href, qr, clock }),
  })

  async function signIn(stop?: Pick<SignInOptions, 'signal' | 'challenge'>): Promise<Session> {
    const session = await client.signIn({ flow, scope, timeout, ...stop })
    const subject = cleanLine(subjectForDisplay(session.accessToken) ?? session.clientId, 80)
    terminal.success(`Signed in as ${subject} (${cleanLine(session.scope) || 'no scopes'}), saved for next time`)
    return session
  }

  async function signingIn<T>(work: () => Promise<T>, stop?: Stop): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isNotSignedIn(error)) throw error
      await signIn({ ...stop, challenge: error.challenge })
      terminal.lines([''])
      return await work()
    }
  }

  return {
    client,
    signIn,
    ensureSignedIn: (stop) => signingIn(() => client.session(), stop),
    signingIn,
  }
}
