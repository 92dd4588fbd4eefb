import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Certificate, createCertificate } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { testClient } from '../harness/clients.ts'
import { remoteSettings } from '../harness/settings.ts'
import { testUpstream } from '../harness/upstreams.ts'
import { behalfOf } from '../relay/client.ts'
import type { RemoteUpstream } from '../settings.ts'
import type { Members } from './contract.ts'

/** A server of 2026-07-28 that has nothing, and that takes the certificates of its clients to be signed by `clients`. */
async function ask(own: Certificate, tls: RemoteUpstream['tls'], clients?: Certificate): Promise<Members> {
  const trust = clients && { ca: clients.cert, requestCert: true, rejectUnauthorized: true }
  const server = createServer({ ...own, ...trust }, async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id } = JSON.parse(text)
    const result = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: {}, tools: [] }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await using upstream = testUpstream(remoteSettings(`https://127.0.0.1:${port}/mcp`, { tls }))
  try {
    return await upstream.request({ method: 'tools/list' }, behalfOf(testClient('2026')))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('an authority of the file’s own is trusted for that upstream, and no other is', async () => {
  const [own, another] = await Promise.all([createCertificate(['localhost']), createCertificate(['localhost'])])
  expect(await ask(own, { ca: () => own.cert })).toMatchObject({ tools: [] })
  for (const tls of [undefined, { ca: () => another.cert }]) {
    await expect(ask(own, tls)).rejects.toMatchObject({
      fault: 'unreachable',
      message: expect.stringMatching(/SELF_SIGNED/),
    })
  }
})

test('the gateway shows a certificate of its own where the file names one', async () => {
  const [own, ours] = await Promise.all([createCertificate(['localhost']), createCertificate(['gatehouse'])])
  const tls = { ca: () => own.cert, cert: () => ours.cert, key: () => ours.key }
  expect(await ask(own, tls, ours)).toMatchObject({ tools: [] })
  await expect(ask(own, { ca: () => own.cert }, ours)).rejects.toMatchObject({ upstream: 'remote' })
})
