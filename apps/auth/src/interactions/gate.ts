// What the human steps need from the authorization server behind them. provider/people/interaction-gate.ts is the one
// implementation; the steps themselves know no oidc-provider.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TraceContext } from '@gatehouse/shared'
import type { AppFacts, ResourceFacts, ReturnsTo } from '../pages/index.ts'

/** A request of an app that waits for a person. */
export interface PendingRequest {
  /** Names the request in the URL and is proved by a cookie that is scoped to it. */
  readonly uid: string
  /** What its steps have in common, for the audit. No secret. */
  readonly flow: string
  readonly step: 'login' | 'consent'
  readonly app: AppFacts
  /** Absent for an app that only asks who the person is. */
  readonly resource?: ResourceFacts
  /** The resource's own, for its scopes. */
  readonly words?: Readonly<Record<string, string>>
  /** As the token will carry them, and what the app learns of the person. */
  readonly scopes: readonly string[]
  /** Those that the app holds already, from an earlier approval in this browser session; absent where there was none. */
  readonly heldScopes?: readonly string[]
  /** What stood behind the resource when the person approved this app before; absent where that is not known. */
  readonly agreedUpstreams?: readonly string[]
  /** Those of the person's groups that the token will name; absent if empty. */
  readonly groups?: readonly string[]
  /** The subject that is signed in, if any. */
  readonly subject?: string
  /** Where the answer goes, for a request that came through the browser. */
  readonly returnsTo?: ReturnsTo
  /** What is known of the device, for a request that came from one. */
  readonly device?: DeviceRequest
  /** The trace in which a device asked. */
  readonly trace?: TraceContext
}

/** A page of our own that is for people who are signed in. */
export type OwnPage = 'connected_apps'

/** Somebody signs in for a page of our own: no app asks for anything. */
export interface PendingVisit {
  readonly uid: string
  readonly flow: string
  readonly step: 'login'
  readonly ownPage: OwnPage
}

export interface DeviceRequest {
  /** As shown: two groups with a dash. */
  readonly userCode: string
  readonly address?: string
  readonly agent?: string
  /** Milliseconds since the epoch. */
  readonly askedAt: number
}

export type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse }

/** Every method throws {@link InteractionGoneError} when the request expired, was answered, or is not this browser's. */
export interface InteractionGate {
  pending(exchange: Exchange): Promise<PendingRequest | PendingVisit>
  /** Each of these resolves to where the browser goes next. */
  signIn(exchange: Exchange, subject: string): Promise<string>
  /** `grantId`: absent where the person may not enter any more. */
  approve(exchange: Exchange): Promise<{ readonly next: string; readonly grantId?: string }>
  refuse(exchange: Exchange): Promise<string>
  /** Signs the person out and asks the same request again. */
  switchAccount(exchange: Exchange): Promise<string>
}

/** Who is signed in in a browser, and in which session of it. The session's name stays for as long as the cookie does. */
export interface Visitor {
  readonly subject: string
  readonly session: string
}

/** Signing in for a page of our own. */
export interface Visits {
  /** Undefined: nobody is signed in, or nobody who may be. */
  visitor(exchange: Exchange): Promise<Visitor | undefined>
  /** Opens a sign-in for this browser alone. Returns its address. */
  open(exchange: Exchange, page: OwnPage): Promise<string>
}

/** One approval that still stands. */
export interface ConnectedApp {
  readonly id: string
  readonly app: AppFacts
  readonly access: readonly {
    readonly resource?: ResourceFacts
    readonly words?: Readonly<Record<string, string>>
    readonly scopes: readonly string[]
  }[]
  /** In milliseconds since the epoch; `usedAt` is when it got tokens last. */
  readonly approvedAt: number
  readonly usedAt: number
  /** What was known of the device, for a request that came from one. */
  readonly device?: { readonly address?: string; readonly agent?: string } | undefined
  /** Where the answer went, for a request that came through a browser. */
  readonly returnsTo?: ReturnsTo | undefined
}

export interface EndedGrant {
  readonly grantId: string
  readonly clientId: string
}

export interface ConnectedApps {
  /** Those that can still get tokens, the one that was used last first. */
  list(subject: string): Promise<readonly ConnectedApp[]>
  /**
   * Ends one of this person's approvals, or all of them without `id`. Returns those that were there.
   * Idempotent: what broke off is finished by another call.
   */
  end(subject: string, id?: string): Promise<readonly EndedGrant[]>
}
