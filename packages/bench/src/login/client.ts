// What all clients of the measurement are, programs and libraries alike.
import type { Deployment } from './deployments.ts'

export interface StartedLogin extends AsyncDisposable {
  /** What a person needs: the code that a device shows, or the address that an app opens in the browser. */
  readonly asks: { readonly userCode: string } | { readonly address: string }
  /** Rejects if the client does not get its token, or makes nothing of it. */
  readonly ended: Promise<void>
}

export type Site = Pick<Deployment, 'issuer' | 'resource'>

export interface Client {
  readonly name: string
  /** Whether it waits by asking the token endpoint. */
  readonly polls: boolean
  /** Resolves when it has told the person what to do. */
  readonly start: (site: Site) => Promise<StartedLogin>
}
