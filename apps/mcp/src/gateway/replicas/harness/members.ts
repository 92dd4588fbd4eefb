// For tests: replicas in one process, each with one upstream, that know one another.
import { randomUUID } from 'node:crypto'
import { openRedisReplicas } from '@gatehouse/replicas'
import { expect } from 'vitest'
import { systemClock } from '../../catalog/clock.ts'
import { testUpstream } from '../../harness/upstreams.ts'
import type { UpstreamSettings } from '../../settings.ts'
import type { Upstream } from '../../upstreams/contract.ts'
import { type Company, openCompany } from '../company.ts'

export interface Member extends AsyncDisposable {
  readonly upstream: Upstream
  readonly company: Company
}

export interface MembersOptions {
  readonly redis: string
  readonly count: number
  readonly settings: UpstreamSettings
  /** Ways to the same Redis, of the first ones. */
  readonly urls?: readonly string[] | undefined
}

export async function openMembers({ redis, count, settings, urls = [] }: MembersOptions) {
  const prefix = `mcp:test-${randomUUID()}:`
  const all: Member[] = []
  for (let index = 0; index < count; index += 1) {
    const replicas = openRedisReplicas({ connection: urls[index] ?? redis, prefix, life: 2_000 })
    await expect.poll(() => replicas.isAlive('x').then(String, String)).toBe('false')
    const secrets = ['a secret for tests, and for nothing else']
    const company = openCompany({ replicas, secrets, clock: systemClock, onerror: () => undefined })
    const sessions = company.sessionsOf(settings.name, 'version')
    const upstream = company.place(testUpstream(settings, { sessions }), 'version')
    let closing: Promise<void> | undefined
    const close = async (): Promise<void> => {
      await upstream.close()
      await company.close()
    }
    all.push({
      upstream,
      company,
      [Symbol.asyncDispose]: () => {
        closing ??= close()
        return closing
      },
    })
  }
  return Object.assign(all as [Member, Member, ...Member[]], {
    async [Symbol.asyncDispose]() {
      for (const one of all) await one[Symbol.asyncDispose]()
    },
  })
}
