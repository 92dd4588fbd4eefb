// How long everything lasts, in seconds: AUTH_LIFETIMES. Each has its bounds, its default, and what the manual says of it.
import { z } from 'zod'
import { readJson } from './json-settings.ts'

const day = 86_400
/** Seconds between two requests of a waiting device, where nothing else is set: RFC 8628 §3.2. */
const pollEvery = 5

const lifetimesSchema = z.strictObject({
  accessToken: seconds(1, 600, 600).describe(
    'an access token. A revoked one works until then, where a resource server does not ask `/introspect`',
  ),
  authorizationCode: seconds(1, 60, 60).describe('an authorization code'),
  deviceCode: seconds(1, 600, 600).describe('a device code, and its user code'),
  /** RFC 8628 `interval`. */
  deviceInterval: z
    .number()
    .int()
    .min(1)
    .max(60)
    .optional()
    .describe('between the answer to a device and its next poll. By default 5 less `AUTH_HOLD_SECONDS`, at least 1'),
  refreshToken: seconds(1, 365 * day, 30 * day).describe('for how long a refresh token may lie unused'),
  unverifiedDevice: seconds(1, 365 * day, day).describe(
    'the same, for a client that registered itself and was approved on another device',
  ),
  reuseGrace: seconds(0, 120, 30).describe(
    'for how long what was rotated or redeemed still gets the answer that it got; 0 turns that off',
  ),
  grant: seconds(1, 730 * day, 90 * day).describe('a consent in all, however often it is renewed'),
  session: seconds(1, 90 * day, 14 * day).describe(
    'for how long a browser stays signed in. With an http issuer eight hours at most',
  ),
  interaction: seconds(1, 3_600, 900).describe('for the sign-in and consent pages'),
  signingKey: seconds(10, 365 * day, 90 * day).describe(
    'for how long a [signing key](operations.md#signing-keys) signs. A change counts from the next key on',
  ),
  keySet: seconds(5, 3_600, 300).describe(
    'for how long anybody may keep the published keys. A key is published three times as long before it signs',
  ),
})

export type Lifetimes = Readonly<z.infer<typeof lifetimesSchema>> & { readonly deviceInterval: number }

export function readLifetimes(value: string | undefined, hold: number, faults: string[]): Lifetimes {
  const lifetimes = readJson('AUTH_LIFETIMES', value || '{}', lifetimesSchema, faults) ?? lifetimesSchema.parse({})
  const deviceInterval = lifetimes.deviceInterval ?? Math.max(1, Math.ceil(pollEvery - hold))
  return { ...lifetimes, deviceInterval }
}

/** Bounds, defaults and meanings by name, as JSON Schema: for docs/variables.md. */
export function describeLifetimes() {
  return z.toJSONSchema(lifetimesSchema, { io: 'input' }).properties
}

function seconds(min: number, max: number, fallback: number) {
  return z.number().int().min(min).max(max).default(fallback)
}
