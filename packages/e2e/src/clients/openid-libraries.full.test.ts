// Websites that sign people in with the OpenID libraries of Node, as their documents have it, in a real browser: nothing is
// told but the issuer, an id and a secret, that codes are what is wanted, and the scopes.
import { createServer, type RequestListener } from 'node:http'
import { Auth } from '@auth/core'
import { freePorts, type Stack, startStack } from '@gatehouse/testing'
import express from 'express'
import expressOpenId from 'express-openid-connect'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type PersonBrowser } from '../harness/browser.ts'
import { secretsInLogs } from '../harness/secrets.ts'

const fullScope = 'openid profile email offline_access'
const plantedSecret = 'a-planted-secret-of-a-website'
const consent = 'An app wants to use your account'

let stack: Stack
let browser: PersonBrowser
let sites: { readonly authJs: string; readonly express: string }
const servers: AsyncDisposable[] = []
const tokens: (string | undefined)[] = [plantedSecret]

beforeAll(async () => {
  const [authJs, express] = await freePorts(2)
  sites = { authJs: `http://localhost:${authJs}`, express: `http://localhost:${express}` }
  const client = { client_secret: plantedSecret, grant_types: ['authorization_code', 'refresh_token'] }
  stack = await startStack({
    clients: [
      { ...client, client_id: 'auth-js', redirect_uris: [`${sites.authJs}/auth/callback/gatehouse`] },
      {
        ...client,
        client_id: 'express',
        client_name: 'Express',
        redirect_uris: [`${sites.express}/callback`],
        post_logout_redirect_uris: [sites.express],
      },
    ],
  })
  browser = await openBrowser()
})
afterAll(async () => {
  expect(secretsInLogs(stack.logs(), { others: tokens })).toEqual([])
  await Promise.all([...servers, browser, stack].map((each) => each[Symbol.asyncDispose]()))
})

async function serve(site: string, listener: RequestListener): Promise<void> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(Number(new URL(site).port), 'localhost', resolve))
  servers.push({
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

/** Signs in and approves, and says what the person was asked. */
async function approve(person: Person): Promise<string> {
  await person.logInAs('ada')
  expect(await person.heading()).toBe(consent)
  const asked = await person.page.getByRole('main').innerText()
  await person.approve()
  return asked
}

const json = async (person: Person, url: string) => {
  await person.open(url)
  return JSON.parse(await person.page.locator('body').innerText()) as Record<string, never>
}

test('Auth.js signs a person in, and knows the name', async () => {
  await serve(sites.authJs, async (request, response) => {
    const body = request.method === 'POST' ? Buffer.concat(await request.toArray()) : undefined
    if (request.url === '/') return void response.end('signed in')
    const answer = await Auth(
      new Request(new URL(request.url ?? '', sites.authJs), {
        method: request.method ?? 'GET',
        headers: request.headers as Record<string, string>,
        ...(body && { body }),
      }),
      {
        basePath: '/auth',
        secret: plantedSecret,
        trustHost: true,
        providers: [
          {
            id: 'gatehouse',
            name: 'Gatehouse',
            type: 'oidc',
            issuer: stack.issuer,
            clientId: 'auth-js',
            clientSecret: plantedSecret,
            authorization: { params: { scope: fullScope } },
            checks: ['pkce', 'state', 'nonce'],
          },
        ],
        callbacks: {
          jwt: ({ token, account }) => {
            if (account) tokens.push(account.access_token, account.refresh_token, account.id_token)
            return token
          },
        },
      },
    )
    const cookies = answer.headers.getSetCookie()
    response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), 'set-cookie': cookies })
    response.end(Buffer.from(await answer.arrayBuffer()))
  })
  await using person = await browser.person()
  await person.open(`${sites.authJs}/auth/signin`)
  await person.page.getByRole('button', { name: /Gatehouse/ }).click()
  await person.page.waitForURL(`${stack.issuer}/**`)
  const asked = await approve(person)
  expect(asked).toContain('See your name and picture')
  expect(asked).not.toContain(stack.resource)
  await person.page.waitForURL(`${sites.authJs}/**`)
  expect(await json(person, `${sites.authJs}/auth/session`)).toMatchObject({ user: { name: 'ada' } })
  expect(tokens.filter(Boolean).length).toBeGreaterThan(3)
})

test('express-openid-connect signs a person in, asks userinfo, refreshes, and signs them out on both sides', async () => {
  const app = express()
  app.use(
    expressOpenId.auth({
      authRequired: false,
      idpLogout: true,
      issuerBaseURL: stack.issuer,
      baseURL: sites.express,
      clientID: 'express',
      clientSecret: plantedSecret,
      secret: plantedSecret,
      authorizationParams: { response_type: 'code', scope: fullScope },
    }),
  )
  app.get('/', (request, response) => void response.json({ user: request.oidc.user ?? null }))
  app.get('/renewed', async (request, response) => {
    tokens.push(request.oidc.accessToken?.access_token, request.oidc.refreshToken, request.oidc.idToken)
    const renewed = await request.oidc.accessToken?.refresh()
    tokens.push(renewed?.access_token)
    response.json({ userinfo: await request.oidc.fetchUserInfo() })
  })
  await serve(sites.express, app)

  await using person = await browser.person()
  await person.open(`${sites.express}/login`)
  await approve(person)
  await person.page.waitForURL(`${sites.express}/**`)
  const known = { sub: 'dev:ada', name: 'ada', preferred_username: 'ada' }
  expect(await json(person, sites.express)).toMatchObject({ user: known })
  expect(await json(person, `${sites.express}/renewed`)).toEqual({ userinfo: known })

  await person.open(`${sites.express}/logout`)
  expect(await person.heading()).toBe('Sign out here, too?')
  await person.photograph('logout')
  await person.page.getByRole('button', { name: 'Sign out' }).click()
  await person.page.waitForURL(`${sites.express}/**`)
  expect(await json(person, sites.express)).toEqual({ user: null })
  await person.open(`${sites.express}/login`)
  expect(await person.heading(), 'signed out here, too').toBe('Sign in')

  await person.open(`${stack.issuer}/logout?client_id=express&post_logout_redirect_uri=${sites.express}`)
  expect(await person.heading()).toBe('You are signed out')
  await person.photograph('signed-out')
  await person.page.getByRole('link', { name: 'Back to' }).click()
  await person.page.waitForURL(`${sites.express}/**`)
})

test('a token that came of OpenID scopes alone opens nothing at the MCP server', async () => {
  const opaque = tokens.filter((token) => token && !token.includes('.') && token !== plantedSecret)
  expect(opaque.length).toBeGreaterThan(0)
  for (const token of opaque) {
    const answer = await fetch(stack.resource, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    })
    expect(answer.status).toBe(401)
  }
})
