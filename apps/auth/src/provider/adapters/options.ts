import type { AdapterPayload, ClientMetadata } from 'oidc-provider'
import type { Lifetimes } from '../../config.ts'
import type { Clock, Store } from '../../store/contract.ts'
import type { ClientDocuments } from '../clients/documents/client-documents.ts'
import type { KnownClients } from '../clients/known-clients.ts'
import type { HeldPolls } from '../device/held-polls.ts'
import type { KnownCodes } from '../device/known-codes.ts'
import type { DeviceRelay } from '../device/relay.ts'
import type { ReadAhead } from '../read-ahead.ts'
import type { ResourcePolicy } from '../resources.ts'

export interface AdapterOptions {
  readonly store: Store
  readonly clock: Clock
  /** Seconds between two polls of a device. */
  readonly deviceInterval: number
  /** Seconds in which a redeemed refresh token or device code gets its answer again: grants/reuse-grace.ts. */
  readonly reuseGrace: number
  readonly lifetimes: Lifetimes
  readonly resources: ResourcePolicy
  readonly heldPolls: HeldPolls
  /** Undefined: each poll goes the long way. */
  readonly knownCodes: KnownCodes | undefined
  readonly relay?: DeviceRelay | undefined
  /** A poll came from another network than the request for its code. */
  readonly onPollFromElsewhere: (poll: { clientId: string; askedFrom: string; polledFrom: string }) => void
  /** Begins to read what a redemption will ask for. */
  readonly readAhead: ReadAhead['begin']
  /** Those that no operator registered. */
  readonly knownClients: KnownClients<AdapterPayload>
  readonly findStaticClient: (clientId: string) => ClientMetadata | undefined
  /** Undefined: the operator's clients are the only ones there are. */
  readonly unverified: { readonly documents: ClientDocuments | undefined } | undefined
}
