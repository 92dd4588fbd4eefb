// The recipes of docs/operations.md for a public server: TLS at the edge, or a proxy in front of it.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createCertificate, freePorts } from '@gatehouse/testing'
import { expect } from 'vitest'
import { ask } from '../replicas/wire.ts'
import type { Scene } from './scene.ts'

const names = { auth: 'auth.gatehouse.test', mcp: 'mcp.gatehouse.test' }

export async function tlsRecipeWorks({ stack }: Scene): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tls-'))
  try {
    const { cert: ca, key } = await createCertificate(Object.values(names))
    // one PEM file with certificate and key, as HAProxy wants it
    writeFileSync(join(folder, 'site.pem'), `${ca}\n${key}`)
    chmodSync(folder, 0o755) // the edge runs under another user
    const [https, http] = await freePorts(2)
    const issuer = `https://${names.auth}:${https}`
    const resource = `https://${names.mcp}:${https}/mcp`
    const settings = {
      AUTH_ISSUER: issuer,
      MCP_RESOURCE_URL: resource,
      AUTH_DEV_LOGIN: 'false',
      GITHUB_CLIENT_ID: 'Iv1.0000000000000000',
      GITHUB_CLIENT_SECRET: '0000000000000000000000000000000000000000',
      ALLOWED_GITHUB_USERS: 'ada',
      EDGE_CERTIFICATES: folder,
      EDGE_HTTPS_PORT: `${https}`,
      EDGE_HTTP_PORT: `${http}`,
    }
    await stack.up({ files: ['deploy/tls/compose.yml'], settings })
    const get = (url: string, options: object = {}) => secureRequest(url, { ca, ...options })

    const metadata = JSON.parse((await get(`${issuer}/.well-known/oauth-authorization-server`)).body)
    expect(metadata).toMatchObject({ issuer, token_endpoint: `${issuer}/token` })
    const page = await get(`${issuer}/device`, { headers: { accept: 'text/html' } })
    expect(page.status).toBe(200)
    expect(page.headers['strict-transport-security']).toMatch(/max-age=\d{8}/)
    expect(page.headers['set-cookie']?.length).toBeGreaterThan(0)
    for (const cookie of page.headers['set-cookie'] ?? []) expect(cookie).toMatch(/^__Host-.*; secure/i)
    const refused = await get(resource, { method: 'POST' })
    expect(refused.status, refused.body).toBe(401)
    const described = /resource_metadata="([^"]+)"/.exec(refused.headers['www-authenticate'] ?? '')?.[1] ?? ''
    expect(JSON.parse((await get(described)).body).authorization_servers).toEqual([issuer])
    expect((await ask(`http://127.0.0.1:${http}/device`)).status).toBe(308)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** To the edge this test is a proxy in front: like all of this machine it comes from the gateway, or from somewhere else with Docker Desktop. */
export async function proxyInFrontIsBelieved({ stack }: Scene): Promise<void> {
  await stack.up({ settings: { EDGE_TRUST_PROXY: '127.0.0.1 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16' } })
  await wait(2000)
  await ask(`${stack.issuer}/jwks`, { headers: { 'x-forwarded-for': '6.6.6.6, 9.9.9.9' } })
  const seen = await stack.addressesSeen('auth', '/jwks')
  expect(seen).toContain('9.9.9.9')
  expect(seen).not.toContain('6.6.6.6')
}

interface SecureRequest {
  readonly ca: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface SecureAnswer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A request to one of the public names, which lead to this machine. */
function secureRequest(address: string, { ca, method = 'GET', headers = {} }: SecureRequest): Promise<SecureAnswer> {
  const { hostname, host, port, pathname } = new URL(address)
  const options = {
    host: '127.0.0.1',
    port,
    path: pathname,
    method,
    ca,
    servername: hostname,
    headers: { host, ...headers },
    timeout: 10_000,
  }
  return new Promise((resolve, reject) => {
    const outgoing = request(options, async (response) => {
      const body = (await response.setEncoding('utf8').toArray()).join('')
      resolve({ status: response.statusCode, headers: response.headers, body })
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${address}: no answer in 10 s`)))
    outgoing.on('error', reject).end()
  })
}
