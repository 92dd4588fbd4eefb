import { createTokenIssuer, type TokenIssuer } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createIssuerCheck } from './issuer-check.ts'

const [tools, ledger] = ['https://mcp.example.com/tools', 'https://mcp.example.com/ledger']
let issuer: TokenIssuer
beforeAll(async () => {
  issuer = await createTokenIssuer()
})
afterAll(() => issuer[Symbol.asyncDispose]())

/** What it warned of, and what it wants to do later. */
function setUp(of = issuer.issuer) {
  const warned: unknown[] = []
  const planned: { milliseconds: number; run: () => void }[] = []
  const check = createIssuerCheck({
    issuer: of,
    reachedAt: undefined,
    log: { warn: (details: object) => void warned.push((details as { resource: string }).resource) } as never,
    after(milliseconds, run) {
      const one = { milliseconds, run }
      planned.push(one)
      return () => void planned.splice(planned.indexOf(one), planned.includes(one) ? 1 : 0)
    },
  })
  return { check, warned, planned, next: () => planned.shift()?.run() }
}

test('of an endpoint that the issuer does not list there is one warning, until it was listed', async () => {
  const { check, warned, next } = setUp()
  issuer.publish({ protected_resources: [tools] })
  check.look([tools, ledger])
  next()
  await vi.waitFor(() => expect(warned).toEqual([ledger]))
  issuer.publish({ protected_resources: [ledger] })
  check.look([tools, ledger], 5_000)
  next()
  await vi.waitFor(() => expect(warned).toEqual([ledger, tools]))
  issuer.publish({ protected_resources: [] })
  check.look([tools, ledger])
  next()
  await vi.waitFor(() => expect(warned).toEqual([ledger, tools, ledger]))
})

test('an issuer that says nothing of resources is not warned of; one that cannot be read is read again', async () => {
  const silent = setUp()
  issuer.publish({})
  silent.check.look([tools])
  silent.next()
  const away = setUp('http://127.0.0.1:9')
  away.check.look([tools])
  away.next()
  await vi.waitFor(() => expect(away.planned.map(({ milliseconds }) => milliseconds)).toEqual([30_000]))
  expect([...silent.warned, ...away.warned, ...silent.planned]).toEqual([])
  away.check.close()
  expect(away.planned).toEqual([])
})
