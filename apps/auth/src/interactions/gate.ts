// What the human steps need from the authorization server behind them. provider/interaction-gate.ts is the one
// implementation; the steps themselves know no oidc-provider.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AppFacts, ResourceFacts, ReturnsTo } from '../pages/index.ts'

/** A request of an app that waits for a person. */
export interface PendingRequest {
  /** Names the request in the URL and is proved by a cookie that is scoped to it. */
  readonly uid: string
  readonly step: 'login' | 'consent'
  readonly app: AppFacts
  readonly resource: ResourceFacts
  /** As the token will carry them. */
  readonly scopes: readonly string[]
  /** Those that the app holds already, from an earlier approval in this browser session; absent where there was none. */
  readonly heldScopes?: readonly string[]
  /** The subject that is signed in, if any. */
  readonly subject?: string
  /** Where the answer goes, for a request that came through the browser. */
  readonly returnsTo?: ReturnsTo
  /** What is known of the device, for a request that came from one. */
  readonly device?: DeviceRequest
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
  pending(exchange: Exchange): Promise<PendingRequest>
  /** Each of these resolves to where the browser goes next. */
  signIn(exchange: Exchange, subject: string): Promise<string>
  approve(exchange: Exchange): Promise<string>
  refuse(exchange: Exchange): Promise<string>
  /** Signs the person out and asks the same request again. */
  switchAccount(exchange: Exchange): Promise<string>
}
