// The five people and the two machines: how they get their tokens, and how they ask.
import { createPerson, type Person } from '@gatehouse/testing'
import type { createPlanting } from '../harness/planting.ts'
import { terminal } from '../replicas/cluster.ts'
import { onlyHeader } from '../replicas/switch.ts'
import { type Answer, ask, deviceGrant, elsewhere, post } from '../replicas/wire.ts'
import { type Grade, grades } from './expected.ts'
import { type Company, people } from './scene.ts'

const scopes: Readonly<Record<Grade, string>> = {
  looks: 'mcp:tools:read',
  usual: 'mcp:tools:read mcp:tools:call',
  full: 'mcp:tools:read mcp:tools:call docs:write notes:write ledger:transfer',
}

const jsonOrStream = 'application/json, text/event-stream'

export interface Caller {
  readonly name: string
  readonly tokens: Readonly<Record<Grade, string>>
  /** Of a person: the newest one. */
  readonly refreshToken?: string
}

type Planting = ReturnType<typeof createPlanting>

/** A person signs in at GitHub and approves a device. All of it goes from one replica to the next. */
export async function signIn(company: Company, login: string, planting: Planting): Promise<Caller> {
  const { plant, plantTokens, watched } = planting
  const { issuer, resource } = company.cluster
  const client = { client_id: terminal.client_id }
  const asked = await post(`${issuer}/device_authorization`, { ...client, scope: scopes.full, resource }, elsewhere())
  const { device_code = '', user_code = '' } = asked.json
  plant('a device code', device_code)
  plant('a user code', user_code)
  plant('a user code', user_code.replace('-', ''))
  const person = watched(createPerson({ issuer }))
  await person.enterCode(user_code)
  await throughGitHub(person, login, plant)
  const { heading, text } = await person.approve()
  if (heading !== 'You are signed in on your device') throw new Error(text)

  const token = (fields: Readonly<Record<string, string>>) => post(`${issuer}/token`, { ...client, ...fields })
  const first = plantTokens(await token({ grant_type: deviceGrant, device_code, resource }), 'a person')
  if (first.status !== 200) throw new Error(first.text)
  let refreshToken = first.json.refresh_token ?? ''
  const tokens: Record<Grade, string> = { looks: '', usual: '', full: first.json.access_token ?? '' }
  for (const grade of grades.slice(0, 2)) {
    const renewed = await token({ grant_type: 'refresh_token', refresh_token: refreshToken, scope: scopes[grade] })
    const { access_token = '', refresh_token = '' } = plantTokens(renewed, 'a refresh').json
    refreshToken = refresh_token
    tokens[grade] = access_token
  }
  return { name: login, tokens, refreshToken }
}

async function throughGitHub(person: Person, login: string, plant: Planting['plant']): Promise<void> {
  const [, way = ''] = /href="([^"]*\/login\/github[^"]*)"/.exec(person.page.html) ?? []
  const { leftTo } = await person.open(way.replaceAll('&amp;', '&'))
  if (!leftTo) throw new Error(`no way to GitHub: ${person.page.text}`)
  plant('the state of a sign-in at GitHub', leftTo.searchParams.get('state') ?? undefined)
  const decided = await fetch(new URL('/login/oauth/authorize', leftTo), {
    method: 'POST',
    body: new URLSearchParams([...leftTo.searchParams, ['login', login]]),
    redirect: 'manual',
  })
  await person.open(decided.headers.get('location') ?? '')
}

async function machine(company: Company, id: string, { plantTokens }: Planting): Promise<Caller> {
  const { issuer, resource } = company.cluster
  const { client_secret = '' } = company.machines.find(({ client_id }) => client_id === id) ?? {}
  const authorization = `Basic ${btoa(`${id}:${client_secret}`)}`
  const fields = { grant_type: 'client_credentials', resource }
  const tokens: Record<Grade, string> = { looks: '', usual: '', full: '' }
  for (const grade of grades) {
    const answer = await post(`${issuer}/token`, { ...fields, scope: scopes[grade] }, { authorization })
    tokens[grade] = plantTokens(answer, 'a machine').json.access_token ?? ''
    if (answer.status !== 200) throw new Error(answer.text)
  }
  return { name: id, tokens }
}

/** All seven, in no order: by name. */
export async function everybody(company: Company, planting: Planting): Promise<ReadonlyMap<string, Caller>> {
  const all: Caller[] = []
  for (const { login } of people) all.push(await signIn(company, login, planting))
  for (const { client_id } of company.machines) all.push(await machine(company, client_id, planting))
  return new Map(all.map((caller) => [caller.name, caller]))
}

export interface Said {
  readonly status: number
  readonly challenge: string
  // biome-ignore lint/suspicious/noExplicitAny: what is in it depends on the method
  readonly message: any
  readonly text: string
}

/** One message to one replica, in the era that is given. */
export async function say(
  { cluster }: Company,
  token: string,
  { method, params, replica }: { readonly method: string; readonly params: object; readonly replica: number },
): Promise<Said> {
  const answer = await ask(cluster.resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: jsonOrStream,
      'mcp-protocol-version': '2025-11-25',
      [onlyHeader]: `${replica}`,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const { status, headers, text } = answer
  return { status, challenge: headers.get('www-authenticate') ?? '', message: messageIn(answer), text }
}

function messageIn({ text }: Answer): unknown {
  try {
    return JSON.parse(/^data: (\{.*)$/m.exec(text)?.[1] ?? text)
  } catch {
    return undefined
  }
}

/**
 * What goes wrong in clients: a token, a new one each time, is sent where none belongs. Each is planted as `misplaced: WHERE`, and
 * good until the end.
 */
export async function misplaceTokens(company: Company, { plant, plantTokens }: Planting): Promise<readonly string[]> {
  const { issuer, resource } = company.cluster
  const [{ client_id = '', client_secret = '' } = {}] = company.machines
  const authorization = `Basic ${btoa(`${client_id}:${client_secret}`)}`
  const fields = { grant_type: 'client_credentials', resource, scope: scopes.full }
  const issue = async () => plantTokens(await post(`${issuer}/token`, fields, { authorization }), 'a machine').json
  const { access_token: good = '' } = await issue()
  const call = (token: string, params: object, headers: Readonly<Record<string, string>> = {}) =>
    ask(resource, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${good}`,
        'content-type': 'application/json',
        accept: jsonOrStream,
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: token.slice(-9), method: 'tools/call', params }),
    })
  const tool = { name: 'ledger__list_accounts', arguments: {} }
  const mistakes: Readonly<Record<string, (token: string) => Promise<unknown>>> = {
    'the query of a call': (token) => ask(`${resource}?access_token=${token}`),
    'a path': (token) => Promise.all([ask(`${resource}/${token}`), ask(`${issuer}/${token}`)]),
    'the name of a tool': (token) => call(token, { name: token }),
    'the name of a tool of a server': (token) => call(token, { name: `ledger__${token}` }),
    'the name of an argument': (token) => call(token, { ...tool, arguments: { [token]: 1 } }),
    'an argument that is denied': (token) => call(token, { name: 'docs__write_file', arguments: { path: token } }),
    'a session id': (token) => call(token, tool, { 'mcp-session-id': token }),
    'the revision': (token) => call(token, tool, { 'mcp-protocol-version': token }),
    'the id of a request': (token) => call(token, tool, { 'x-request-id': token }),
    'a user agent': (token) => call(token, tool, { 'user-agent': token }),
    'an origin': (token) => call(token, tool, { origin: `https://${token}` }),
    'a scheme of its own': (token) => call(token, tool, { authorization: token }),
    'half of a token': (token) => call(token, tool, { authorization: `Bearer ${token.slice(0, -1)}` }),
    'a client id': (token) => post(`${issuer}/token`, { ...fields, client_id: token }),
    'a grant type': (token) => post(`${issuer}/token`, { ...fields, grant_type: token }, { authorization }),
    'a scope': (token) => post(`${issuer}/token`, { ...fields, scope: token }, { authorization }),
    'a resource': (token) => post(`${issuer}/token`, { ...fields, resource: token }, { authorization }),
    'a user code': (token) => ask(`${issuer}/device?user_code=${token}`),
    'a code from GitHub': (token) => ask(`${issuer}/login/github/callback?code=${token}&state=${token}`),
  }
  for (const [where, mistake] of Object.entries(mistakes)) {
    const { access_token = '' } = await issue()
    plant(`misplaced: ${where}`, access_token)
    plant(`misplaced: ${where}`, access_token.split('.')[2])
    await mistake(access_token)
  }
  return Object.keys(mistakes)
}
