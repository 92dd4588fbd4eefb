// Asking for more when more is needed: a sign-in with the default scopes, a tool that needs another one, one challenge that
// says which, a second consent, and the call succeeds. In both eras of the protocol, by our command and by the SDK's client.
import {
  createClientHome,
  promptOf,
  type RunningProcess,
  type Stack,
  startProcess,
  startStack,
  verifies,
} from '@gatehouse/testing'
import * as mcp from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser, type Person, type PersonBrowser } from './harness/browser.ts'
import { type Callback, openCallback } from './harness/callback.ts'
import { claimsOf } from './harness/claims.ts'
import { startDevice } from './harness/device.ts'
import { createMemoryProvider, type MemoryProvider } from './harness/memory-provider.ts'
import { secretsInLogs } from './harness/secrets.ts'

const notifications = { name: 'start-notification-stream', arguments: { interval: 10, count: 3 } }
const byDefault = ['mcp:tools:read', 'mcp:tools:call']
const inWords = ['See the list of tools and what they offer', 'Run tools for you']
const more = 'Send you notifications while it works'

let stack: Stack
let browser: PersonBrowser
let callback: Callback

beforeAll(async () => {
  ;[stack, browser, callback] = await Promise.all([startStack(), openBrowser(), openCallback()])
})
afterAll(async () => {
  await Promise.all([callback, browser, stack].map((each) => each[Symbol.asyncDispose]()))
})

const askedFor = (provider: MemoryProvider) => new Set(provider.askedFor().searchParams.get('scope')?.split(' '))

const permissionsOn = ({ page }: Person) => page.getByRole('main').getByRole('listitem').allInnerTexts()

/** Opens the link that a program shows, up to the page that asks. */
async function openLinkOf(program: RunningProcess, person: Person): Promise<void> {
  await person.open((await promptOf(program)).link)
  await person.enterCode()
  if ((await person.heading()).startsWith('Sign in')) await person.logInAs('ada')
}

describe.each(['2025-11-25', '2026-07-28'])('protocol %s', (protocol) => {
  verifies('S13', 'a missing scope is one 403 with one complete challenge', async () => {
    const device = await startDevice(stack)
    await using ada = await browser.person()
    await ada.open(device.link)
    await ada.enterCode()
    await ada.logInAs('ada')
    await ada.approve()
    const { access_token: token = '' } = await device.poll()
    const modern = protocol === '2026-07-28'
    const response = await fetch(stack.resource, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': protocol,
        ...(modern && { 'mcp-method': 'tools/call', 'mcp-name': notifications.name }),
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: {
          ...notifications,
          ...(modern && {
            _meta: {
              'io.modelcontextprotocol/protocolVersion': protocol,
              'io.modelcontextprotocol/clientInfo': { name: 'e2e', version: '1.0.0' },
              'io.modelcontextprotocol/clientCapabilities': {},
            },
          }),
        },
      }),
    })
    expect(response.status, await response.text()).toBe(403)
    const challenge = response.headers.get('www-authenticate') ?? ''
    expect(challenge.match(/Bearer/g), 'one challenge').toHaveLength(1)
    expect(challenge).toContain('error="insufficient_scope"')
    expect(challenge).toContain('scope="mcp:tools:call mcp:tools:notify"')
    expect(challenge).toContain(
      `resource_metadata="${new URL(stack.resource).origin}/.well-known/oauth-protected-resource/mcp"`,
    )
  })

  test('our command signs in for the least, and asks again for what is missing', async () => {
    using home = createClientHome(stack)
    await using ada = await browser.person()
    await using login = home.run('login')
    await openLinkOf(login, ada)
    expect(await permissionsOn(ada)).toEqual(inWords)
    await ada.approve()
    expect((await login.exited).code, login.output()).toBe(0)

    await using repl = startProcess(
      ['packages/cli/src/main.ts', 'repl', '--protocol', protocol, '--url', stack.resource],
      { env: { GATEHOUSE_HOME: home.path }, input: 'start-notifications 10 3\nwait\nquit\n' },
    )
    await repl.says(/needs more access than you gave:[^.]*mcp:tools:notify/)
    await openLinkOf(repl, ada)
    expect(await permissionsOn(ada)).toEqual([...inWords, `${more} New`])
    await ada.photograph(`device-approval-more-${protocol}`)
    await ada.approve()
    expect((await repl.exited).code, repl.output()).toBe(0)
    expect(repl.stdout()).toContain('Sent 3 notifications')

    await using call = home.run('call', notifications.name, JSON.stringify(notifications.arguments))
    expect((await call.exited).code, call.output()).toBe(0)
    expect(call.output(), 'nobody is asked a third time').not.toContain('user_code=')
    expect(secretsInLogs(stack.logs(), { home: home.path })).toEqual([])
  })

  test('the SDK’s client gets a second consent for what is missing, and then its answer', async () => {
    const provider = createMemoryProvider(callback.url)
    const options = { versionNegotiation: { mode: protocol === '2026-07-28' ? 'auto' : 'legacy' } } as const
    const open = () => new mcp.StreamableHTTPClientTransport(new URL(stack.resource), { authProvider: provider })
    await using grace = await browser.person()
    const consent = async (transport: mcp.StreamableHTTPClientTransport) => {
      const answered = callback.answer()
      await grace.approve()
      await transport.finishAuth((await answered).searchParams)
    }

    const first = open()
    await expect(new mcp.Client({ name: 'e2e', version: '1.0.0' }, options).connect(first)).rejects.toThrow(
      mcp.UnauthorizedError,
    )
    await grace.open(provider.askedFor().href)
    await grace.logInAs('grace')
    expect(askedFor(provider)).toEqual(new Set([...byDefault, 'offline_access']))
    await consent(first)

    const transport = open()
    const client = new mcp.Client({ name: 'e2e', version: '1.0.0' }, options)
    await client.connect(transport)
    await expect(client.callTool(notifications)).rejects.toThrow(mcp.UnauthorizedError)
    expect(askedFor(provider)).toEqual(new Set([...byDefault, 'mcp:tools:notify', 'offline_access']))
    await grace.open(provider.askedFor().href)
    expect(await grace.heading(), 'no second sign-in').toBe('An app wants to use your account')
    expect(await permissionsOn(grace)).toEqual([...inWords, `${more} New`])
    await grace.photograph(`consent-more-${protocol}`)
    await consent(transport)
    expect(await client.callTool(notifications)).toMatchObject({
      content: [{ text: expect.stringMatching(/^Sent 3/) }],
    })
    expect(claimsOf(provider.tokens().access_token)).toMatchObject({
      sub: 'dev:grace',
      scope: [...byDefault, 'mcp:tools:notify'].join(' '),
    })
    await client.close()
    expect(
      secretsInLogs(stack.logs(), { others: [provider.tokens().access_token, provider.tokens().refresh_token] }),
    ).toEqual([])
  })
})
