// The recipes of docs/operations.md for a public server: TLS at the edge, or a proxy in front of it.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort, run } from './compose.mjs'
import { ask } from './oauth.mjs'

const names = { auth: 'auth.gatehouse.test', mcp: 'mcp.gatehouse.test' }

export async function recipeWorks({ stack }) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tls-'))
  try {
    const ca = await makeCertificate(folder)
    const [https, http] = [await freePort(), await freePort()]
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
      EDGE_HTTPS_PORT: https,
      EDGE_HTTP_PORT: http,
    }
    await stack.up([], { files: ['deploy/tls/compose.yml'], settings })
    const get = (url, options) => secureRequest(url, { ca, ...options })

    const metadata = JSON.parse((await get(`${issuer}/.well-known/oauth-authorization-server`)).body)
    assert.equal(metadata.issuer, issuer)
    assert.equal(metadata.token_endpoint, `${issuer}/token`)
    const page = await get(`${issuer}/device`, { headers: { accept: 'text/html' } })
    assert.equal(page.status, 200)
    assert.match(page.headers['strict-transport-security'], /max-age=\d{8}/)
    for (const cookie of page.headers['set-cookie']) assert.match(cookie, /^__Host-.*; secure/i)
    const refused = await get(resource, { method: 'POST' })
    assert.equal(refused.status, 401)
    const described = /resource_metadata="([^"]+)"/.exec(refused.headers['www-authenticate'])[1]
    const { authorization_servers } = JSON.parse((await get(described)).body)
    assert.deepEqual(authorization_servers, [issuer])
    const plain = await ask(`http://127.0.0.1:${http}/device`, { redirect: 'manual' })
    assert.equal(plain.status, 308)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** To the edge this test is a proxy in front: like all of this machine it comes from the gateway, or from somewhere else with Docker Desktop. */
export async function proxyInFrontIsBelieved({ stack, server }) {
  await stack.up([], { settings: { EDGE_TRUST_PROXY: '127.0.0.1 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16' } })
  await wait(2000)
  await ask(server.jwks_uri, { headers: { 'x-forwarded-for': '6.6.6.6, 9.9.9.9' } })
  const seen = await stack.addressesSeen('auth', '/jwks')
  assert.ok(seen.includes('9.9.9.9') && !seen.includes('6.6.6.6'), `auth saw ${seen}`)
}

/** One PEM file with certificate and key, as HAProxy wants it. Returns the certificate. */
async function makeCertificate(folder) {
  const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')]
  const subject = ['-subj', '/CN=gatehouse.test', '-addext', `subjectAltName=DNS:${names.auth},DNS:${names.mcp}`]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  await run('openssl', ['req', ...kind, '-keyout', key, '-out', certificate, ...subject])
  const pem = readFileSync(certificate, 'utf8')
  writeFileSync(join(folder, 'site.pem'), pem + readFileSync(key, 'utf8'))
  for (const file of [key, certificate]) rmSync(file)
  chmodSync(folder, 0o755) // the edge runs under another user
  return pem
}

/** A request to one of the public names, which lead to this machine. */
function secureRequest(address, { ca, method = 'GET', headers = {} }) {
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
