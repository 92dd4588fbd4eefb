/** What a person has to be shown while signing in. Texts and addresses are already checked and cleaned. */
export interface SignInPrompts {
  /** Show where to go and which code must appear there. `expiresAt` is in seconds since the epoch. */
  device(prompt: DevicePrompt): void
  /** Show the address of the sign-in page, which may be opened as well. */
  browser(prompt: BrowserPrompt): void
  /** The server asks for `scope` (space-separated), which was not granted: a further sign-in follows. */
  moreAccess(scope: string): void
  /** Something in the way that is being dealt with: the next attempt is in `retryIn` seconds. */
  trouble(reason: string, retryIn: number): void
  /** The waiting is over, one way or the other. */
  settled(): void
}

export interface DevicePrompt {
  readonly uri: string
  /** The same with the code filled in, if the server offers it. */
  readonly uriWithCode?: string | undefined
  readonly code: string
  readonly expiresAt: number
}

export interface BrowserPrompt {
  readonly url: string
  readonly expiresAt: number
}
