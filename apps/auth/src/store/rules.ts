// What every store keeps to, whatever holds the data: the numbers and the one matrix of contract.ts.

import type { DeviceCodePhase } from './contract.ts'

export const deviceCodeModel = 'DeviceCode'
export const grantModel = 'Grant'
export const refreshTokenModel = 'RefreshToken'

/** Device codes are written by compare-and-set alone. */
export function refuseDeviceCodes(model: string): void {
  if (model === deviceCodeModel) throw new TypeError('Device codes change by compare-and-set: use deviceCodes.')
}

/** How long a record can be read after it expired, in milliseconds: an expired code is told from an unknown one. */
export const recordGrace = 120_000
/** The same for device codes: a person may look for theirs some minutes too late. */
export const deviceCodeGrace = 300_000

/** What each early poll adds to a device code's interval, in milliseconds (RFC 8628 §3.5). */
export const slowDownStep = 5_000
/** Polls this many milliseconds early are forgiven: timers and networks are not exact. */
export const pollTolerance = 500
/** For how many milliseconds the answer to a poll may be held. One that is held for longer was before the clock was set back. */
export const longestHold = 30_000

type Rule = 'no' | 'yes' | 'same owner'

/** Which phase of a device code may follow which: the row is where it is, the column where it is to go. */
export const deviceCodeMatrix: Readonly<Record<DeviceCodePhase, Readonly<Record<DeviceCodePhase, Rule>>>> = {
  //           pending        in_flight                decided
  pending: { pending: 'no', in_flight: 'yes', decided: 'yes' },
  in_flight: { pending: 'no', in_flight: 'same owner', decided: 'same owner' },
  decided: { pending: 'no', in_flight: 'no', decided: 'no' },
}
