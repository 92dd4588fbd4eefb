// What is inside a sealed record. The indexes are in it a second time, so that an index entry that was made to point to
// another record is noticed; so are the phase and the owner of a device code, whose plain copies are only compared.

import type { DeviceCodePhase, Payload } from './contract.ts'
import { SealBrokenError, type SealFault, type Sealing } from './sealing.ts'

/** Models are in upper case, so this is not one. */
const documentKind = 'document'

export interface Envelope {
  readonly payload: Payload
  readonly uid?: string | undefined
  readonly userCode?: string | undefined
  readonly phase?: DeviceCodePhase | undefined
  readonly owner?: string | undefined
}

/** How a record was reached, if not by its id: what must be inside it. */
export interface FoundBy extends Pick<Envelope, 'uid' | 'userCode'> {
  readonly accountId?: string | undefined
}

/** A stored value that was refused. `wrong_index`: the index led to a record that does not belong to it. */
export interface Tampering {
  /** The model, or `document`. */
  readonly kind: string
  /** The hashed key: fit for a log. */
  readonly key: string
  readonly fault: SealFault | 'wrong_index'
}

export interface EnvelopeOptions {
  readonly sealing: Sealing
  /** Called for each value that is refused and then treated as absent. Must not throw. */
  readonly onTampered?: ((tampering: Tampering) => void) | undefined
}

export interface Envelopes {
  seal(model: string, key: string, envelope: Envelope): Buffer
  /** Undefined, and reported, if it does not open or does not belong to the index it was found by. */
  open(model: string, key: string, sealed: Uint8Array, foundBy?: FoundBy): Envelope | undefined
  sealDocument(key: string, value: unknown): Buffer
  /** Reports, too, but throws {@link SealBrokenError}: what a missing document means is its caller's to say. */
  openDocument(key: string, sealed: Uint8Array): unknown
}

export function createEnvelopes({ sealing, onTampered }: EnvelopeOptions): Envelopes {
  function openReporting(kind: string, key: string, sealed: Uint8Array): unknown {
    try {
      return sealing.open(kind, key, sealed)
    } catch (error) {
      if (error instanceof SealBrokenError) onTampered?.({ kind, key, fault: error.fault })
      throw error
    }
  }

  return {
    seal: (model, key, envelope) => sealing.seal(model, key, envelope),

    open(model, key, sealed, foundBy = {}) {
      try {
        const envelope = openReporting(model, key, sealed) as Envelope
        const { accountId: account } = envelope.payload
        const { uid = envelope.uid, userCode = envelope.userCode, accountId = account } = foundBy
        if (envelope.uid === uid && envelope.userCode === userCode && account === accountId) return envelope
        onTampered?.({ kind: model, key, fault: 'wrong_index' })
      } catch (error) {
        if (!(error instanceof SealBrokenError)) throw error
      }
      return undefined
    },

    sealDocument: (key, value) => sealing.seal(documentKind, key, value),

    openDocument: (key, sealed) => openReporting(documentKind, key, sealed),
  }
}
