// Who may do what how often: all of it, in one place. A network is an IPv4 address, or an IPv6 network of 48 bits
// (network.ts). Many people may be in one, so it may do a lot.
//
// What all networks may do together bounds the store and the guessing. It is two pots, so that nobody can use it up for all:
// the `first` attempts of each network come out of the pot for `newcomers`, the others, and theirs once it is empty, out of the
// `shared` one. Few networks can empty the second alone; for the first it takes `newcomers / first` of them.
// Without pots there is nothing to use up. docs/security.md has the arithmetic.

export interface Limit {
  /** In milliseconds. */
  readonly window: number
  /** What one network may do. */
  readonly network: number
  readonly pots?: { readonly first: number; readonly newcomers: number; readonly shared: number }
}

export const limits = {
  /** RFC 7591 §5: clients that we have to keep. */
  registration: { window: 3_600_000, network: 100, pots: { first: 2, newcomers: 1_500, shared: 400 } },
  /** The same, by a page of another site in somebody's browser, who may know nothing of it. */
  registration_by_page: { window: 3_600_000, network: 10, pots: { first: 1, newcomers: 80, shared: 20 } },
  /** RFC 8628 §5.2: the pots are also how many live device codes there can be. */
  device: { window: 600_000, network: 120, pots: { first: 5, newcomers: 5_000, shared: 4_500 } },
  device_by_page: { window: 600_000, network: 10, pots: { first: 1, newcomers: 400, shared: 100 } },
  /** Pages that open a request or a session. */
  authorize: { window: 600_000, network: 300 },
  /** An authorization request in a frame, which may show nothing. */
  silent: { window: 600_000, network: 300 },
  device_page: { window: 600_000, network: 300 },
  /** RFC 8628 §5.1: wrong ones. */
  user_code: { window: 600_000, network: 30, pots: { first: 3, newcomers: 3_000, shared: 300 } },
  /** RFC 6749 §2.3.1: wrong ones, for one client. */
  client_secret: { window: 60_000, network: 20 },
  /** Metadata documents that are fetched, … */
  document: { window: 60_000, network: 30, pots: { first: 2, newcomers: 120, shared: 120 } },
  /** … that were not had before and are kept: clients, too, that we have to keep, … */
  document_new: { window: 3_600_000, network: 100, pots: { first: 2, newcomers: 1_500, shared: 400 } },
  /** … that could not be had, … */
  document_failed: { window: 60_000, network: 10 },
  /** … or could not from one host, which did not ask for our visits. */
  document_host: { window: 60_000, network: 10, pots: { first: 2, newcomers: 60, shared: 20 } },
} as const satisfies Readonly<Record<string, Limit>>
