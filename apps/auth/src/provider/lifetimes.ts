// How long what the engine keeps for somebody lives, where that is more than a number of the configuration.
import type { Config, Lifetimes } from '../config.ts'
import { isOperatorRegistered } from './clients/own-metadata.ts'

const eightHours = 8 * 3_600

/** In seconds, from each use on. Anyone who registered itself and was approved by a code alone has to come back within a day. */
export function refreshLifetime(lifetimes: Lifetimes, client: object, device: boolean): number {
  return device && !isOperatorRegistered(client)
    ? Math.min(lifetimes.refreshToken, lifetimes.unverifiedDevice)
    : lifetimes.refreshToken
}

/** In seconds, from when somebody was admitted last: what they were given then does not outlive it. */
export function accountLifetime({ grant, session }: Lifetimes): number {
  return Math.max(grant, session)
}

/** In seconds, from the sign-in on. */
export function sessionLifetime({ issuer, lifetimes }: Pick<Config, 'issuer' | 'lifetimes'>): number {
  return issuer.startsWith('https:') ? lifetimes.session : Math.min(lifetimes.session, eightHours)
}
