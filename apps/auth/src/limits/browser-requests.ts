// What a browser says of a request that a page of another site made it send (Fetch Metadata; the header Origin of the Fetch
// standard). Such requests come from the network of somebody who knows nothing of them and must not use up what is theirs.
// Programs send none of these headers, or may send what they like: this keeps no program out. Apps on Electron send a mode that
// they did not choose, but no Origin, which a browser sends with each POST of a page.
import type { IncomingHttpHeaders } from 'node:http'
import { InvalidRequestError } from '../errors.ts'

/**
 * For an address that people open. Throws {@link InvalidRequestError} for an image, a script, a frame and the like, which
 * could not show it, and for what a browser loads in case somebody goes there: it asks again when they do. `frame`: a frame
 * is meant, too.
 */
export function refuseParts(headers: IncomingHttpHeaders, { frame = false } = {}): void {
  if (headers['sec-fetch-mode'] === 'no-cors' || String(headers['sec-purpose']).includes('prefetch')) throw notAPage()
  const dest = headers['sec-fetch-dest']
  // some programs' fetch sends a mode alone
  if (dest === undefined || dest === 'document' || (frame && isFrame(headers))) return
  throw notAPage()
}

export function isFrame(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-dest'] === 'iframe'
}

/**
 * For an address that programs call. Throws {@link InvalidRequestError} for a form or a blind request of a page, neither of
 * which could read the answer.
 */
export function refuseBlind({ 'sec-fetch-mode': mode, origin }: IncomingHttpHeaders): void {
  if (origin !== undefined && (mode === 'no-cors' || mode === 'navigate'))
    throw new InvalidRequestError('This address is for programs. A page calls it with fetch and CORS.')
}

/** Whether a page of another site asks. Apps that live in a browser do so, too. */
export function isForeignPage({ origin }: IncomingHttpHeaders, issuer: string): boolean {
  return origin !== undefined && origin !== issuer
}

function notAPage(): InvalidRequestError {
  return new InvalidRequestError('This address is for the window of a browser, not for a part of another page.')
}
