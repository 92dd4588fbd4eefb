// Who calls, told to an upstream in a header: as a JWT of the gateway's own, or as the plain subject. It never has a token of the
// client, and is made for each request by itself.
import { type JWK, SignJWT } from 'jose'
import { createSealedMail } from '../replicas/sealed-mail.ts'
import type { RemoteUpstream } from '../settings.ts'
import { type Behalf, UpstreamError } from '../upstreams/contract.ts'
import { type CallerKeyStore, createCallerKeys } from './caller-keys.ts'

export { createSqliteKeyStore } from './key-store.ts'

/** For whom a request is made. */
export type Caller = Pick<Behalf, 'owner' | 'granted'>

export interface CallerIdentity {
  /** What the header says. Rejects with an {@link UpstreamError}. */
  valueFor(settings: RemoteUpstream, caller: Caller): Promise<string>
  /** RFC 7517. */
  keySet(): Promise<{ readonly keys: readonly JWK[] }>
}

export interface CallerIdentityOptions {
  readonly store: CallerKeyStore
  /** The first one seals; all open. */
  readonly secrets: readonly [string, ...string[]]
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** `typ` of the JWT: none that means anything elsewhere. */
const callerTokenType = 'gatehouse-caller+jwt'
/** Seconds. */
const callerTokenLife = 60

export function createCallerIdentity({ store, secrets, now }: CallerIdentityOptions): CallerIdentity {
  const [first, ...others] = secrets
  const keys = createCallerKeys({
    store,
    seals: [createSealedMail([first]), ...others.map((secret) => createSealedMail([secret]))],
    now,
  })

  async function token(url: string, { owner, granted }: Caller): Promise<string> {
    const { kid, key } = await keys.signing()
    const at = Math.floor(now() / 1_000)
    // what was begun goes on, and so does its listening, when the caller's token has ended: it opens nothing any more
    const scope = at < granted.expiresAt ? [...granted.scopes].join(' ') : ''
    return new SignJWT({ client_id: owner.clientId, ...(scope !== '' && { scope }) })
      .setProtectedHeader({ alg: 'ES256', typ: callerTokenType, kid })
      .setIssuer(owner.endpoint)
      .setAudience(url.replace(/\?.*$/, ''))
      .setSubject(owner.subject)
      .setIssuedAt(at)
      .setExpirationTime(at + callerTokenLife)
      .setJti(crypto.randomUUID())
      .sign(key)
  }

  return {
    async valueFor({ name, url, identity }, caller) {
      if (identity?.as === 'subject') return plain(name, caller.owner.subject)
      return token(url, caller).catch((error: unknown) => {
        const message = `${name} is unavailable: there is no key to say with who calls`
        throw new UpstreamError(name, 'unreachable', message, { cause: error, retryAfter: 5 })
      })
    },
    keySet: async () => ({ keys: await keys.published() }),
  }
}

/** What a header cannot have would be taken for something else. */
function plain(name: string, subject: string): string {
  if (/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(subject)) return subject
  throw new UpstreamError(
    name,
    'invalid',
    `${name} cannot be told who calls: the subject has a character that no header has. Its operator can write as: jwt`,
  )
}
