// Whether the issuer knows the endpoints (RFC 9728 §4). For a resource that it does not know it issues no token, and nobody
// would say so but to clients. An issuer that says nothing of resources, or cannot be read, is no reason for a word.
import { createIssuerMetadata } from '@gatehouse/guard'
import type { FastifyBaseLogger } from 'fastify'

export interface IssuerCheckOptions {
  readonly issuer: string
  /** Where it is reached from here, if not under its own name. */
  readonly reachedAt: string | undefined
  readonly log: Pick<FastifyBaseLogger, 'warn'>
  /** Runs once after so many milliseconds, unless the function that it returns is called before. */
  readonly after?: (milliseconds: number, run: () => void) => () => void
}

export interface IssuerCheck {
  /** Looks after so many milliseconds, in the place of what was asked for before; again while the issuer cannot be read. */
  look(resources: readonly string[], milliseconds?: number): void
  close(): void
}

/** Milliseconds. */
const lookAgain = 30_000

export function createIssuerCheck({ issuer, reachedAt, log, after = timer }: IssuerCheckOptions): IssuerCheck {
  const warned = new Set<string>()
  let cancel: () => void = () => undefined
  let turn = 0

  async function judge(resources: readonly string[], mine: number): Promise<void> {
    const known = await resourcesOf(issuer, reachedAt)
    if (mine !== turn) return
    if (known === 'unreadable') {
      plan(resources, lookAgain)
      return
    }
    for (const resource of known ? resources : []) {
      if (known?.includes(resource)) warned.delete(resource)
      else if (!warned.has(resource)) {
        warned.add(resource)
        log.warn({ issuer, resource }, 'the issuer does not know this endpoint, and issues no token for it')
      }
    }
  }

  function plan(resources: readonly string[], milliseconds: number): void {
    cancel()
    turn += 1
    const mine = turn
    cancel = after(milliseconds, () => void judge(resources, mine))
  }

  return {
    look: (resources, milliseconds = 0) => plan(resources, milliseconds),
    close() {
      turn += 1
      cancel()
    },
  }
}

/** Those of them that the issuer does not list, where it says which it does. */
export async function unlisted(issuer: string, resources: readonly string[]): Promise<readonly string[]> {
  const known = await resourcesOf(issuer)
  return known === undefined || known === 'unreadable' ? [] : resources.filter((resource) => !known.includes(resource))
}

/** Those of these scopes that the issuer does not list, where it says which it does (RFC 8414 §2). */
export async function unoffered(issuer: string, scopes: readonly string[]): Promise<readonly string[]> {
  const known = await listIn('scopes_supported', issuer)
  return known === undefined || known === 'unreadable' ? [] : scopes.filter((scope) => !known.includes(scope))
}

const resourcesOf = (issuer: string, reachedAt?: string) => listIn('protected_resources', issuer, reachedAt)

/** A copy would be too old after a change. Undefined: the issuer does not say. */
async function listIn(
  member: string,
  issuer: string,
  reachedAt?: string,
): Promise<readonly unknown[] | 'unreadable' | undefined> {
  try {
    const text = await createIssuerMetadata({ issuer, reachedAt })['oauth-authorization-server']()
    const list = JSON.parse(text ?? '{}')[member]
    return Array.isArray(list) ? list : undefined
  } catch {
    return 'unreadable'
  }
}

function timer(milliseconds: number, run: () => void): () => void {
  const one = setTimeout(run, milliseconds).unref()
  return () => clearTimeout(one)
}
