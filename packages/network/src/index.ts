// What everything that asks other people's servers goes through: which addresses may be asked, how much of an answer is
// read, and what servers say made safe to show. A failure is one kind of error; its codes are one list for all who throw it.
export { type AddressGuardOptions, createAddressGuard, dnsLookup, type Lookup } from './address-guard.ts'
export { isSafeUrl, safeUrl } from './addresses.ts'
export { readBounded } from './bounded-body.ts'
export { errorBodyLine } from './error-body.ts'
export {
  type Challenge,
  ClientError,
  type ErrorCode,
  exits,
  findClientError,
} from './errors.ts'
export { createGuardedFetch, type Fetch, networkError, readWhole } from './guarded-fetch.ts'
export { isObject, type PlainMembers, plainMembers, readJson } from './json-object.ts'
export { isPublicAddress } from './public-address.ts'
export { cleanLine, cleanText, safeJson } from './text.ts'
export { type HeaderChallenge, readChallenge } from './www-authenticate.ts'
