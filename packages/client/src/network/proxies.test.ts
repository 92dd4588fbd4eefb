// The command behind a proxy, which alone finds the servers' names: over TLS, end to end, through CONNECT.
import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createCertificate, listen, verifies } from '@gatehouse/testing'
import { beforeAll, expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'
import { readProxies } from './proxies.ts'

const certificate = await createCertificate(['mcp.example', 'auth.example'])
const names = { issuer: 'https://auth.example', mcp: 'https://mcp.example', certificate }

beforeAll(() => setDefaultCACertificates([...getCACertificates('default'), certificate.cert]))

/** Nobody but the proxy knows these names; a look-up of ours finds nothing. */
const lookup = async () => []

async function startProxy(ports: Readonly<Record<string, number>>, wanted?: string) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(502).end()
  })
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    asked.push(`CONNECT ${request.url}`)
    const port = ports[request.url ?? '']
    socket.on('error', () => {})
    if (wanted !== undefined && request.headers['proxy-authorization'] !== wanted) {
      return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    }
    if (port === undefined) return socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    const target = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 Connection Established\r\n\r\n'))
    target.on('error', () => socket.destroy())
    return target.pipe(socket).pipe(target)
  })
  const { port, stop } = await listen(server)
  return {
    address: `127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: stop,
  }
}

/** The servers behind a proxy. */
async function start(wanted?: string) {
  const servers = await startFakeServers({ names })
  const proxy = await startProxy(
    { 'mcp.example:443': servers.ports.mcp, 'auth.example:443': servers.ports.auth },
    wanted,
  )
  const shell = await createCommandLine(servers.mcpUrl)
  return {
    servers,
    proxy,
    run: (args: string[], env: Record<string, string>) => shell.run(args, { env, lookup }),
    async [Symbol.asyncDispose]() {
      for (const one of [shell, proxy, servers]) await one[Symbol.asyncDispose]()
    },
  }
}

test('sign-in, call and sign-out go through the proxy that the environment names, in capitals or not', async () => {
  for (const env of [
    (proxy: string) => ({ HTTPS_PROXY: `http://${proxy}` }),
    (proxy: string) => ({ https_proxy: proxy, HTTPS_PROXY: 'http://nobody.invalid:1' }),
    (proxy: string) => ({ HTTP_PROXY: `http://${proxy}/`, NO_PROXY: 'example.org, other.example' }),
  ]) {
    await using world = await start()
    const variables = env(world.proxy.address)
    const called = await world.run(['call', 'greet'], variables)
    expect([called.stderr, called.code, called.stdout]).toEqual([expect.anything(), 0, 'Hello, world!\n'])
    expect((await world.run(['doctor'], variables)).code).not.toBe(6)
    expect((await world.run(['logout'], variables)).code).toBe(0)
    expect(new Set(world.proxy.asked)).toEqual(new Set(['CONNECT mcp.example:443', 'CONNECT auth.example:443']))
  }
})

test('a proxy with a password gets it, and a message about a proxy shows nothing of it', async () => {
  const password = `Basic ${Buffer.from('ada:pass word').toString('base64')}`
  await using world = await start(password)
  const good = { HTTPS_PROXY: `http://ada:pass%20word@${world.proxy.address}` }
  expect((await world.run(['login'], good)).code).toBe(0)
  const wrong = await world.run(['login'], { HTTPS_PROXY: `http://ada:secret@${world.proxy.address}` })
  expect([wrong.code, wrong.stderr]).toEqual([6, expect.stringContaining('HTTPS_PROXY names')])
  expect(wrong.stderr).toContain('407')
  const none = await world.run(['login'], { HTTPS_PROXY: 'socks5://ada:secret@proxy.example' })
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('HTTPS_PROXY names no proxy')])
  expect(wrong.stderr + none.stderr).not.toContain('secret')
})

test('hosts that NO_PROXY names are asked directly, and a proxy that is away is told as such', async () => {
  await using world = await start()
  const direct = await world.run(['login'], { HTTPS_PROXY: world.proxy.address, no_proxy: '.example' })
  expect([direct.code, world.proxy.asked]).toEqual([6, []]) // nobody else knows the names
  const away = await world.run(['login'], { HTTPS_PROXY: 'http://127.0.0.1:1' })
  expect([away.code, away.stderr]).toEqual([
    6,
    expect.stringContaining('the proxy that HTTP_PROXY or HTTPS_PROXY names'),
  ])
})

verifies('K1', 'this computer is never asked through a proxy, whatever it is called', async () => {
  await using servers = await startFakeServers()
  await using proxy = await startProxy({})
  await using shell = await createCommandLine(servers.mcpUrl)
  const env = { HTTP_PROXY: proxy.address, HTTPS_PROXY: proxy.address }
  expect((await shell.run(['call', 'greet'], { env })).code).toBe(0)
  for (const host of ['localhost', '127.0.0.2', '127.255.0.1', '[::1]', '2130706433']) {
    await shell.run(['login', '--url', `http://${host}:1/mcp`], { env })
  }
  expect(proxy.asked).toEqual([])
})

verifies('K6', 'behind a proxy, too, a public server cannot point into a private network', async () => {
  for (const inside of [
    'https://10.0.0.7',
    'https://metadata.google.internal',
    'https://vault',
    'http://127.0.0.1:1',
  ]) {
    await using world = await start()
    world.servers.behaviour.resourceMetadata = { authorization_servers: [inside] }
    const { code, stderr } = await world.run(['login'], { HTTPS_PROXY: world.proxy.address })
    expect([code, stderr]).toEqual([7, expect.stringContaining('private network')])
    expect(new Set(world.proxy.asked)).toEqual(new Set(['CONNECT mcp.example:443']))
  }
})

test('the variables are read as other programs read them', () => {
  expect(readProxies({})).toBeUndefined()
  expect(readProxies({ NO_PROXY: '*', HTTP_PROXY: '' })).toBeUndefined()
  expect(
    readProxies({ http_proxy: 'a.example:3128', HTTP_PROXY: 'http://b.example', NO_PROXY: 'x', no_proxy: '' }),
  ).toEqual({
    http: 'http://a.example:3128/',
    https: undefined,
    except: 'x',
  })
})
