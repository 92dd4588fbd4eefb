// The few calls to GitHub (or GitHub Enterprise) that we make, each bounded in time and size. GitHub reports many
// failures with HTTP 200 and an `error` member; here they are failures.
import { z } from 'zod'
import { LoginFailedError } from './identity.ts'
import { readUpstreamText } from './upstream-text.ts'

const timeoutMs = 5_000
/** Yes; our app may not see; no. */
const maybe = [200, 403, 404]

export interface GitHubApiOptions {
  /** Such as `https://github.com`, without a trailing slash. */
  readonly url: string
  /** Such as `https://api.github.com`, without a trailing slash. */
  readonly apiUrl: string
  readonly fetch?: typeof fetch
}

const userSchema = z.object({
  id: z.number().int().positive(),
  login: z.string().min(1),
  name: z.unknown().optional(),
  avatar_url: z.unknown().optional(),
})
const emailsSchema = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }))
const tokenSchema = z.looseObject({
  access_token: z.string().min(1).optional(),
  error: z.string().optional(),
  interval: z.number().optional(),
})

export type GitHubUser = z.infer<typeof userSchema>
export type GitHubApi = ReturnType<typeof createGitHubApi>

export function createGitHubApi({ url, apiUrl, fetch: send = fetch }: GitHubApiOptions) {
  /** Throws {@link LoginFailedError} unless there is a JSON answer with one of `statuses`. */
  async function call(
    what: string,
    target: string,
    init: RequestInit,
    statuses: readonly number[] = [200],
  ): Promise<{ status: number; body: unknown }> {
    const unavailable = (why: string, cause?: unknown) =>
      new LoginFailedError('unavailable', `GitHub, ${what}: ${why}`, cause)
    let response: Response
    try {
      response = await send(target, { ...init, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
    } catch (error) {
      throw unavailable('no answer', error)
    }
    const { status } = response
    if (!statuses.includes(status) || isRateLimited(response)) {
      await response.body?.cancel()
      // the person took back what they gave us, or the token was revoked
      if (status === 401) throw new LoginFailedError('refused', `GitHub, ${what}: HTTP 401`)
      throw unavailable(`HTTP ${status}`)
    }
    try {
      return {
        status,
        body: status === 204 || status === 404 ? undefined : JSON.parse(await readUpstreamText(response)),
      }
    } catch (error) {
      throw unavailable('no JSON', error instanceof SyntaxError ? undefined : error)
    }
  }

  const post = async (what: string, path: string, fields: Readonly<Record<string, string>>) => {
    const { body } = await call(what, url + path, {
      method: 'POST',
      headers: { accept: 'application/json', 'user-agent': 'gatehouse' },
      body: new URLSearchParams(fields),
    })
    return body
  }
  const get = (what: string, path: string, token: string, statuses?: readonly number[]) =>
    call(
      what,
      apiUrl + path,
      {
        headers: { accept: 'application/vnd.github+json', authorization: `Bearer ${token}`, 'user-agent': 'gatehouse' },
      },
      statuses,
    )

  return {
    authorizeUrl: (parameters: Readonly<Record<string, string>>) =>
      `${url}/login/oauth/authorize?${new URLSearchParams(parameters)}`,

    /** The answer of the token endpoint, whether it holds a token or GitHub's word for why not. */
    async token(fields: Readonly<Record<string, string>>) {
      return parse('token', tokenSchema, await post('token', '/login/oauth/access_token', fields))
    },

    /** GitHub's own device authorization (RFC 8628 §3.2), passed through. */
    async deviceCode(fields: Readonly<Record<string, string>>): Promise<unknown> {
      return post('device code', '/login/device/code', fields)
    },

    async user(token: string): Promise<GitHubUser> {
      return parse('user', userSchema, (await get('user', '/user', token)).body)
    },

    /** The primary address if it is verified, in lower case. 403, 404: the person was not asked for it. */
    async verifiedEmail(token: string): Promise<string | undefined> {
      const { status, body } = await get('emails', '/user/emails', token, maybe)
      const emails = status === 200 ? parse('emails', emailsSchema, body) : []
      return emails.find(({ primary, verified }) => primary && verified)?.email.toLowerCase()
    },

    /** Whether the person is an active member. 403: the organisation does not let our app see. */
    async isMember(token: string, organisation: string): Promise<boolean> {
      return isActive(
        await get('membership', `/user/memberships/orgs/${encodeURIComponent(organisation)}`, token, maybe),
      )
    },

    /** The same for a team, by its slug. Who is in a team below it is in it, too. */
    async isInTeam(
      token: string,
      { organisation, team, login }: { readonly organisation: string; readonly team: string; readonly login: string },
    ): Promise<boolean> {
      const [org, slug, user] = [organisation, team, login].map(encodeURIComponent)
      return isActive(await get('team', `/orgs/${org}/teams/${slug}/memberships/${user}`, token, maybe))
    },
  }
}

/** Somebody who was invited is `pending`. */
function isActive({ status, body }: { readonly status: number; readonly body: unknown }): boolean {
  return status === 200 && (body as { state?: unknown } | null)?.state === 'active'
}

/** GitHub says so with 403, too, which otherwise is an answer. */
function isRateLimited({ status, headers }: Response): boolean {
  return status === 403 && (headers.has('retry-after') || headers.get('x-ratelimit-remaining') === '0')
}

function parse<T extends z.ZodType>(what: string, schema: T, body: unknown): z.infer<T> {
  const result = schema.safeParse(body)
  if (!result.success) throw new LoginFailedError('unavailable', `GitHub, ${what}: an answer of another shape`)
  return result.data
}
