import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'
import { openUrl } from './open-url.ts'

const clock = systemClock // the browser comes back in real time; nothing here waits

test('the browser sign-in sends PKCE, state, resource and scope, and keeps the session', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  let asked = new URLSearchParams()
  let page = ''
  const { code, stderr } = await shell.run(['login', '--browser'], {
    clock,
    openUrl(url) {
      asked = new URL(url).searchParams
      void fetch(servers.approve(url)).then(async (response) => {
        page = await response.text()
      })
    },
  })
  expect([code, stderr]).toEqual([0, expect.stringContaining('Signed in as dev:ada')])
  expect(stderr).toContain(`${servers.issuer}/authorize?`)
  expect(Object.fromEntries(asked)).toMatchObject({
    response_type: 'code',
    code_challenge_method: 'S256',
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    state: expect.stringMatching(/^[\w-]{20,}$/),
    resource: servers.mcpUrl,
    scope: 'read call',
    redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/),
  })
  expect(servers.seenAt('/token')[0]?.form.get('resource')).toBe(servers.mcpUrl)
  expect(page).toContain('You are signed in')
  expect((await shell.run(['token'])).code).toBe(0)
})

test('an answer with another state changes nothing, and one with another issuer is refused', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const statuses: number[] = []
  const { code, stderr } = await shell.run(['login', '--browser'], {
    clock,
    async openUrl(url: string) {
      const good = new URL(servers.approve(url))
      const [forged, wrongIssuer] = [new URL(good), new URL(good)]
      forged.searchParams.set('state', 'x')
      wrongIssuer.searchParams.set('iss', 'https://evil.example')
      for (const address of [forged.href, `${good.origin}/elsewhere`, wrongIssuer.href]) {
        statuses.push((await fetch(address)).status)
      }
    },
  })
  await expect.poll(() => statuses).toEqual([400, 404, 200])
  expect([code, stderr]).toEqual([6, expect.stringContaining('unexpected "iss"')])
  expect(servers.seenAt('/token')).toEqual([])
})

test('a request to the callback port that is malformed, or for another place, is answered and changes nothing', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const answers: string[] = []
  const { code } = await shell.run(['login', '--browser'], {
    clock,
    async openUrl(url: string) {
      const good = new URL(servers.approve(url))
      const query = good.search
      for (const target of [
        '//[',
        `//evil.example/callback${query}`,
        `http://evil.example/callback${query}`,
        `http://[/callback${query}`,
        '*',
        '%',
        `/callback/${query}`,
        `/callback?state=%FF%`,
      ]) {
        answers.push(await rawRequest(good, `GET ${target} HTTP/1.1`))
      }
      for (const line of ['CONNECT x:1 HTTP/1.1', `POST /callback${query} HTTP/1.1`, 'GET', '\0']) {
        answers.push(await rawRequest(good, line))
      }
      await fetch(good)
    },
  })
  expect(code).toBe(0)
  expect(answers).toEqual(['404', '404', '404', '404', '404', '400', '404', '400', '', '404', '400', '400'])
})

/** The status that a request line of ours gets, whatever is in it; nothing where the connection is closed. */
async function rawRequest({ hostname, port, host }: URL, line: string): Promise<string> {
  const socket = connect(Number(port), hostname)
  socket.end(`${line}\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  return (await text(socket)).split(' ')[1] ?? ''
}

test('a person who refuses in the browser gets exit code 4', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const { code } = await shell.run(['login', '--browser'], {
    clock,
    openUrl(url) {
      const { searchParams } = new URL(url)
      const answer = { error: 'access_denied', state: searchParams.get('state') ?? '', iss: servers.issuer }
      void fetch(`${searchParams.get('redirect_uri')}?${new URLSearchParams(answer)}`)
    },
  })
  expect(code).toBe(4)
})

test('a browser that never comes back, and a service without PKCE, end with the advice to use a code', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const late = await shell.run(['login', '--browser'])
  expect([late.code, late.stderr]).toEqual([5, expect.stringContaining('login --device')])
  servers.behaviour.serverMetadata = { code_challenge_methods_supported: ['plain'] }
  const unsafe = await shell.run(['login', '--browser'])
  expect([unsafe.code, unsafe.stderr]).toEqual([7, expect.stringContaining('login --device')])
})

verifies('K1', 'nothing but an https or loopback address is handed to the desktop', () => {
  for (const url of ['javascript:alert(1)', 'file:///etc/passwd', 'http://example.com/', 'a:$(cmd)', '--version']) {
    expect(() => openUrl(url), url).toThrow(expect.objectContaining({ code: 'unsafe_address' }))
  }
})

verifies('K1', 'an authorization endpoint that is no web address is never opened', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const opened: string[] = []
  servers.behaviour.serverMetadata = { authorization_endpoint: 'file:///usr/bin/env' }
  const { code } = await shell.run(['login', '--browser'], { openUrl: (url) => void opened.push(url) })
  expect([code, opened]).toEqual([7, []])
})
