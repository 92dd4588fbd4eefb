// Who a person is, according to the one who signed them in. One shape, whatever the upstream login; this folder knows no
// client of ours, no Fastify and no store.
import { GatehouseError } from '../errors.ts'

/** A person as an upstream login vouches for them. */
export interface Identity {
  /**
   * Stable for ever and never reused: `dev:<name>`, `github:<numeric id>`, `google:<sub>`, `oidc:<name>:<sub>`. It alone
   * decides who somebody is: the same address at two providers is two people.
   */
  readonly subject: string
  /** What the person is shown as "signed in as …". May change; decides nothing. */
  readonly label: string
  /** What apps learn of the person that they may know. Decides nothing. */
  readonly profile?: IdentityProfile
  /** What admission rules are judged by; absent for a login that knows nothing more. */
  readonly facts?: IdentityFacts
  /** What the login said and does not count, for the operator who wonders about a refusal. Names no one. */
  readonly doubt?: string
}

export interface IdentityProfile {
  readonly name?: string
  /** What the person is called at the upstream; may change, and be given to somebody else. */
  readonly username?: string
  /** An https address. */
  readonly picture?: string
}

export interface IdentityFacts {
  readonly login?: string
  /** The primary address, only if the upstream says that it is verified. Lower case. */
  readonly email?: string
  /** Of the organisations that the rules name, those the person belongs to. Lower case. */
  readonly organisations?: readonly string[]
  /** Of the teams that the gateway's file names, those the person belongs to: `organisation/team`, in lower case. */
  readonly teams?: readonly string[]
  /** What an OpenID provider calls the groups of the person: as many as are kept. */
  readonly groups?: readonly string[]
  /** Google's `hd`: whose account it is, in lower case. */
  readonly hostedDomain?: string
  /** What was asked for: what is not among it is not known. Absent where the upstream says what it says. */
  readonly asked?: AskedFacts
  /** When the upstream said so, in milliseconds since the epoch. */
  readonly checkedAt: number
  /** With what to ask again; kept only where a rule needs it, sealed like everything in the store. */
  readonly upstreamToken?: string
}

/** In lower case; a team is `organisation/team`. */
export interface AskedFacts {
  readonly organisations: readonly string[]
  readonly teams: readonly string[]
  readonly email: boolean
}

/** Where a request comes from. */
export interface Origin {
  /** The address at the other end of the socket. */
  readonly peer: string | undefined
  /** Who our own proxy says is behind it; the peer itself without one. */
  readonly client: string
  /** What proxies say in the request: anything, and whether it is one address alone that one proxy adds. */
  readonly forwarding: { readonly any: boolean; readonly once: boolean }
}

/** A login that is a form of our own page. */
export interface FormLogin {
  readonly kind: 'form'
  /** Whether the form may be used from there. Returns why not, in words for the person. */
  refuse(origin: Origin): string | undefined
  /** Returns who it is, or in words for the person why it cannot be. */
  logIn(fields: Readonly<Record<string, unknown>>): Identity | { readonly problem: string }
}

/** A login at another server, by a redirect there and back. */
export interface RedirectLogin {
  readonly kind: 'redirect'
  /** Part of its callback's path, `/login/<id>/callback`: one for each provider, so that answers cannot be mixed up. */
  readonly id: string
  /** As in "Continue with …". */
  readonly label: string
  /**
   * `state` comes back with the answer, `memory` is to be handed to {@link finish}. Trouble is told there. The person is
   * asked which account, where the upstream is known to ask: else it takes the same one in silence, and nobody could
   * change it. `online`: nothing is asked for with which to ask again later.
   */
  begin(request: {
    readonly state: string
    readonly redirectUri: string
    readonly online: boolean
  }): Promise<{ readonly url: string; readonly memory: LoginMemory }>
  /** Throws {@link LoginFailedError}, {@link OfflineRefusedError}. `answer` is the callback's query. */
  finish(response: {
    readonly answer: Readonly<Record<string, unknown>>
    readonly memory: LoginMemory
    readonly redirectUri: string
  }): Promise<Identity>
}

/** What a login remembers between there and back. Secret. */
export type LoginMemory = Readonly<Record<string, string>>

export type Login = FormLogin | RedirectLogin

/** How an upstream is asked again about people who signed in. */
export interface FactsRenewal {
  /** Whether what it says is judged now, and so counts for a time only. */
  readonly isNeeded: () => boolean
  /** Whether facts tell all that is needed now. */
  readonly knows: (facts: IdentityFacts) => boolean
  /**
   * Asks, with the token that was kept of them, and returns who it belongs to now. Throws LoginFailedError. Where the token is used
   * up by that, `keep` is waited for with the next one before anything else is asked. NOT to be called twice at once for one person.
   */
  readonly ask: (
    identity: Identity,
    upstreamToken: string,
    keep: (upstreamToken: string) => Promise<void>,
  ) => Promise<Identity>
}

/**
 * - `unavailable`: the upstream is down, slow, busy or answers nonsense: trying again may help
 * - `refused`: the person, or the upstream, said no
 * - `misconfigured`: the upstream does not accept us: only the operator can help
 */
export type LoginFailure = 'unavailable' | 'refused' | 'misconfigured'

/** Signing in at the upstream did not work. The message is for the log: it never has a code or a token in it. */
export class LoginFailedError extends GatehouseError {
  readonly failure: LoginFailure
  constructor(failure: LoginFailure, message: string, cause?: unknown) {
    super(`login_${failure}`, message, { cause })
    this.failure = failure
  }
}

/** The upstream gives us nothing with which to ask again later, and so gave no answer at all: `online` may get one. */
export class OfflineRefusedError extends LoginFailedError {
  constructor(message: string) {
    super('misconfigured', message)
  }
}
