import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createFactNeeds } from './accounts/fact-needs.ts'
import { createGroups } from './accounts/groups.ts'
import { readConfig, readFileAgain } from './config.ts'
import { ConfigError } from './errors.ts'
import { startAuthServer } from './harness/auth-server.ts'
import { createGitHubApi } from './identity/github-api.ts'
import { createGitHubPeople } from './identity/github-people.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-gateway-groups-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (groups: string) => {
  const GATEHOUSE_CONFIG = join(folder, 'gatehouse.yaml')
  writeFileSync(
    GATEHOUSE_CONFIG,
    [
      'version: 1',
      'endpoints: [{ resource: https://mcp.example.com/mcp, name: A }]',
      'upstreams: { a: { command: [a] } }',
      `groups: ${groups}`,
      'rules: [{ tools: [a/*], groups: [one] }]',
    ].join('\n'),
  )
  return { GATEHOUSE_CONFIG }
}
function faultsOf(read: () => unknown): readonly string[] {
  try {
    read()
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

const production = {
  AUTH_ISSUER: 'https://auth.example.com',
  AUTH_SECRET: 'q7Jx0vT2mZ9bR4kW8nY1cP5sD3fH6gLa',
  ALLOW_ANYONE: 'true',
}
const github = { GITHUB_CLIENT_ID: 'id', GITHUB_CLIENT_SECRET: 'secret' }
const corp = {
  OIDC_ISSUER: 'https://id.example.com',
  OIDC_CLIENT_ID: 'id',
  OIDC_CLIENT_SECRET: 'secret',
  OIDC_LABEL: 'Example Corp.',
}
const all =
  '{ one: [github-org:acme, "github-team:acme/x", "oidc-group:Corp/fin"], two: ["google-domain:a.example", "email-domain:a.example"] }'

test('in production a way into a group that no login leads to is a fault with its place', () => {
  const env = { ...production, ...write(all) }
  const at = env.GATEHOUSE_CONFIG
  expect(faultsOf(() => readConfig({ ...env, ...corp }))).toEqual([
    `${at}:4:17 groups.one[0]: there is no login by GitHub: set GITHUB_CLIENT_ID.`,
    `${at}:4:34 groups.one[1]: there is no login by GitHub: set GITHUB_CLIENT_ID.`,
    `${at}:4:56 groups.one[2]: there is no login with the label "Corp", there are "Example Corp.".`,
    `${at}:4:86 groups.two[0]: there is no login by Google: set GOOGLE_CLIENT_ID.`,
  ])
  expect(faultsOf(() => readConfig({ ...env, ...github })).at(-2)).toBe(
    `${at}:4:56 groups.one[2]: there is no login with the label "Corp", as OIDC_ISSUER sets none.`,
  )
  const good = { ...production, ...github, ...corp, ...write('{ one: ["oidc-group:example-corp/fin"] }') }
  expect(faultsOf(() => readConfig(good))).toEqual([])
})

test('elsewhere the log says so, and nobody comes that way', async () => {
  await using server = await startAuthServer({ environment: write(all) })
  expect(server.config.unmetGroups).toHaveLength(5)
  expect(server.log()).toContain('the file of the gateway names people that no login brings')
})

test('ALLOWED_GROUPS names groups of the file, and needs a login that it applies to', () => {
  const env = { ...production, ...github, ALLOW_ANYONE: '' }
  expect(faultsOf(() => readConfig({ ...env, ...write('{ one: [github-org:acme] }'), ALLOWED_GROUPS: 'one' }))).toEqual(
    [],
  )
  expect(
    faultsOf(() => readConfig({ ...env, ...write('{ one: [github-org:acme] }'), ALLOWED_GROUPS: 'one,two' })),
  ).toEqual(['ALLOWED_GROUPS names two, and GATEHOUSE_CONFIG has no such group.'])
  expect(faultsOf(() => readConfig({ ...env, ALLOWED_GROUPS: 'one' }))).toEqual([
    'ALLOWED_GROUPS names one, and GATEHOUSE_CONFIG has no such group.',
  ])
  expect(faultsOf(() => readConfig({ ...write('{ one: [github-org:acme] }'), ALLOWED_GROUPS: 'one' }))).toEqual([
    expect.stringContaining('ALLOWED_GROUPS is set without a login that it could apply to'),
  ])
})

test('a file that is read again is judged by the logins that there are', () => {
  const env = { ...production, ...github, ...write('{ one: [github-org:acme] }') }
  const config = readConfig(env)
  expect(readFileAgain(env, config).groups).toEqual([
    { name: 'one', members: [{ kind: 'organisation', name: 'acme' }] },
  ])
  write('{ one: ["oidc-group:corp/fin"] }')
  expect(faultsOf(() => readFileAgain(env, config))).toEqual([
    expect.stringContaining('no login with the label "corp"'),
  ])
})

test('tokens of a resource name the groups of its rules', () => {
  const { resources } = readConfig({
    ...production,
    ...github,
    ...write('{ two: [github-org:a], one: [github-org:b] }'),
  })
  expect(resources[0]?.groups).toEqual(['one'])
})

test.each([
  ['{ one: ["oidc-group:corp/fin", "google-domain:a.example"] }', ''],
  ['{ one: [github-org:acme] }', 'read:org'],
  ['{ one: ["github-team:acme/x"] }', 'read:org'],
  ['{ one: ["email-domain:a.example"] }', 'user:email'],
  ['{ one: ["email-domain:a.example", "github-team:acme/x"] }', 'read:org user:email'],
])('for %s GitHub is asked for "%s"', (groups, scope) => {
  const config = readConfig(write(groups))
  const api = createGitHubApi({ url: 'https://github.invalid', apiUrl: 'https://github.invalid' })
  const needs = createFactNeeds(config.admission, createGroups(config.groups))
  expect(createGitHubPeople({ api, needs, subjectPrefix: 'github:', now: Date.now }).scope).toBe(scope)
})
