import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isSubject } from '@gatehouse/shared'
import { expect, test } from 'vitest'
import { createFactNeeds } from '../accounts/fact-needs.ts'
import { LoginFailedError } from '../identity/identity.ts'
import { createLogins, describeLogin, type LoginName, type LoginSettings, parseLogin } from './index.ts'

const client = { clientId: 'id', clientSecret: 'hunter2-of-the-client' }
const given: Readonly<Record<LoginName, object>> = {
  developer: { explicit: false },
  github: client,
  google: client,
  openid: { ...client, issuer: 'https://id.example.com/', label: 'Example Corp.' },
}
const names = Object.keys(given) as LoginName[]
const surroundings = {
  needs: createFactNeeds({ githubUsers: [], organisations: [], emailDomains: [], groups: [] }, { all: [] }),
  now: () => Date.now(),
  trustProxy: [],
}
const waysOf = (...list: LoginSettings[]) => createLogins(list, surroundings)

test('the subjects of each login are its own, and no client may be called like one', () => {
  const prefixes = names.map((name) => describeLogin(parseLogin(name, given[name]).settings).subjectPrefix)
  expect(prefixes).toEqual(['dev:', 'github:', 'google:', 'oidc:example-corp:'])
  for (const prefix of prefixes) {
    expect(isSubject(`${prefix}1`)).toBe(true)
    expect(prefixes.filter((other) => other.startsWith(prefix))).toEqual([prefix])
  }
})

test('settings hold again as they were read, and a fault names its setting and never a value', () => {
  for (const name of names) {
    const { settings, faults } = parseLogin(name, given[name])
    expect(faults).toEqual([])
    expect(parseLogin(name, settings)).toEqual({ settings, faults: [] })
  }
  const wrong = { clientId: '', clientSecret: 'hunter2', issuer: 'hunter2', label: '', emails: 'hunter2' }
  const { faults } = parseLogin('openid', wrong)
  expect(faults.map(({ setting }) => setting)).toEqual(['issuer', 'clientId', 'label', 'emails'])
  expect(JSON.stringify(faults)).not.toContain('hunter2')
})

test('without a secret GitHub has no button; its device flow is there', () => {
  const [relayed] = waysOf(parseLogin('github', { clientId: 'id' }).settings)
  expect(relayed).toMatchObject({ signIn: undefined, deviceFlow: expect.anything() })
  const others = waysOf(...names.map((name) => parseLogin(name, given[name]).settings))
  expect(others.map(({ signIn }) => signIn?.kind)).toEqual(['form', 'redirect', 'redirect', 'redirect'])
  expect(others.filter(({ deviceFlow }) => deviceFlow)).toHaveLength(1)
})

test('the API of a GitHub Enterprise server is below its address, unless it is said to be elsewhere', async () => {
  const asked: (string | undefined)[] = []
  await using server = createServer(({ url }, response) => {
    asked.push(url)
    response.writeHead(500).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const more of [{}, { apiUrl: `${url}/elsewhere/` }]) {
    const [login] = waysOf(parseLogin('github', { ...client, url: `${url}/`, ...more }).settings)
    await expect(
      login?.renewal?.ask({ subject: 'github:1', label: 'one' }, 'a-token', async () => undefined),
    ).rejects.toThrow(LoginFailedError)
  }
  expect(asked).toEqual(['/api/v3/user', '/elsewhere/user'])
})
