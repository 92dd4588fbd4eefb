import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { createGuardedFetch, type GuardedFetchOptions } from './guarded-fetch.ts'

const addresses: Record<string, string[]> = {
  'mcp.example': ['93.184.216.34'],
  'public.example': ['93.184.216.35'],
  'inside.example': ['93.184.216.36', '169.254.169.254'],
  'mcp.corp': ['10.0.0.7'],
}

function guarded(start: string, options: Partial<GuardedFetchOptions> = {}) {
  const asked: string[] = []
  const fetch = createGuardedFetch({
    start: new URL(start),
    async fetch(url) {
      asked.push(url)
      return new Response('{}')
    },
    lookup: async (host) => addresses[host] ?? Promise.reject(new Error('ENOTFOUND')),
    ...options,
  })
  return { asked, fetch }
}

verifies('K6', 'metadata of a public server cannot make the client fetch a private address', async () => {
  const { fetch, asked } = guarded('https://mcp.example/mcp')
  for (const url of [
    'https://inside.example/token',
    'https://10.0.0.1/token',
    'https://[fd00::1]/token',
    'https://[::ffff:169.254.169.254]/latest',
    'https://2130706433/token',
    'http://localhost:6379/',
  ]) {
    addresses.localhost = ['127.0.0.1']
    await expect(fetch(url), url).rejects.toMatchObject({ code: 'unsafe_address', exitCode: 7 })
  }
  expect(asked).toEqual([])
  await fetch('https://public.example/token')
  await fetch('https://mcp.example/metadata')
  expect(asked).toEqual(['https://public.example/token', 'https://mcp.example/metadata'])
})

verifies('K6', 'private addresses are for a server that is private itself, or for anyone who allows them', async () => {
  await guarded('https://mcp.corp/mcp').fetch('https://10.0.0.1/token')
  await guarded('http://localhost:3000/mcp', { lookup: async () => ['127.0.0.1'] }).fetch('http://localhost:4000/token')
  await guarded('https://mcp.example/mcp', { allowPrivateAddresses: true }).fetch('https://10.0.0.1/token')
  await expect(guarded('https://unknown.example/mcp').fetch('https://10.0.0.1/token')).rejects.toThrow(
    /private network/,
  )
})

test('an answer that is nested too deep is refused by name, and one of 64 levels is read', async () => {
  const answer = (levels: number) => async () => new Response('['.repeat(levels) + ']'.repeat(levels))
  const from = (levels: number) =>
    guarded('https://mcp.example/mcp', { fetch: answer(levels) }).fetch('https://mcp.example/a')
  await expect(from(7_000)).rejects.toMatchObject({ code: 'metadata_invalid' })
  expect(await (await from(64)).json()).toHaveLength(1)
})

verifies(
  'K6',
  'of names that only a proxy can look up, those of private networks are refused to a public server',
  async () => {
    const { fetch, asked } = guarded('https://mcp.example/mcp')
    for (const host of ['metadata.google.internal', 'printer.local', 'vault', 'nas.home.arpa', 'METADATA.INTERNAL.']) {
      await expect(fetch(`https://${host}/token`), host).rejects.toMatchObject({ code: 'unsafe_address' })
    }
    await fetch('https://auth.example/token')
    await guarded('https://mcp.internal/mcp').fetch('https://auth.internal/token')
    expect(asked).toEqual(['https://auth.example/token'])
  },
)

test('redirects, answers that are too large and addresses without encryption are refused', async () => {
  const redirect = async () => new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/' } })
  await expect(
    guarded('https://mcp.example/mcp', { fetch: redirect }).fetch('https://mcp.example/a'),
  ).rejects.toMatchObject({
    code: 'metadata_invalid',
  })
  const large = async () => new Response('x'.repeat(600 * 1024))
  await expect(
    guarded('https://mcp.example/mcp', { fetch: large }).fetch('https://mcp.example/a'),
  ).rejects.toMatchObject({
    code: 'metadata_invalid',
  })
  await expect(guarded('https://mcp.example/mcp').fetch('http://mcp.example/a')).rejects.toMatchObject({
    code: 'unsafe_address',
  })
})

test('a failing network and a server out of order are one error, with the time the server asks for', async () => {
  const refused = async () => {
    throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) })
  }
  await expect(
    guarded('https://mcp.example/mcp', { fetch: refused }).fetch('https://mcp.example/a'),
  ).rejects.toMatchObject({
    code: 'unreachable',
    reason: 'Nothing is listening there (connection refused).',
  })
  const busy = async () => new Response('no', { status: 503, headers: { 'retry-after': '7' } })
  await expect(
    guarded('https://mcp.example/mcp', { fetch: busy }).fetch('https://mcp.example/a'),
  ).rejects.toMatchObject({
    code: 'unreachable',
    retryAfter: 7,
  })
})
