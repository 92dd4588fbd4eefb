import { createServer } from 'node:http'
import { connect } from 'node:net'
import { listen } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { readProxies, useProxies } from './proxies.ts'

test('what the process fetches goes through the proxy, but for this machine and what NO_PROXY names', async () => {
  await using target = await listen(createServer((request, response) => void response.end(request.headers.host)))
  const asked: string[] = []
  const server = createServer()
  server.on('connect', ({ url = '' }, socket) => {
    asked.push(url)
    const onward = connect(target.port, '127.0.0.1', () => socket.write('HTTP/1.1 200 Connection Established\r\n\r\n'))
    for (const end of [onward, socket]) end.on('error', () => socket.destroy())
    onward.pipe(socket).pipe(onward)
  })
  await using proxy = await listen(server)
  const restore = useProxies(readProxies({ HTTP_PROXY: `127.0.0.1:${proxy.port}`, NO_PROXY: 'direct.invalid' }, []))
  try {
    expect(await (await fetch('http://idp.example/jwks')).text()).toBe('idp.example')
    expect(asked).toEqual(['idp.example:80'])
    for (const host of ['localhost', '127.0.0.1'])
      expect((await fetch(`http://${host}:${target.port}`)).status).toBe(200)
    await expect(fetch('http://direct.invalid/')).rejects.toThrow()
    expect(asked).toHaveLength(1)
  } finally {
    restore()
  }
})

test('the variables are read as other programs read them, and a faulty one is named without its value', () => {
  const faults: string[] = []
  expect(readProxies({ NO_PROXY: '*', HTTP_PROXY: '' }, faults)).toBeUndefined()
  expect(
    readProxies({ https_proxy: 'a.example:3128', HTTPS_PROXY: 'http://b.example', no_proxy: 'auth' }, faults),
  ).toEqual({
    HTTPS_PROXY: 'http://a.example:3128/',
    NO_PROXY: 'localhost,127.0.0.1,[::1],::1,auth',
  })
  expect(faults).toEqual([])
  readProxies({ HTTP_PROXY: 'socks5://ada:hidden@proxy.example', HTTPS_PROXY: 'http://ada:hidden@' }, faults)
  expect(faults).toEqual([expect.stringContaining('HTTP_PROXY must'), expect.stringContaining('HTTPS_PROXY must')])
  expect(faults.join()).not.toContain('hidden')
})
