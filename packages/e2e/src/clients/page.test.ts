// A page on another origin that connects by itself, in Chromium with its web security on: the preflights, the headers
// that are exposed, and the documents that any page may read are right, or it would not get through.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { verifies } from '@gatehouse/testing'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type PersonBrowser } from '../harness/browser.ts'
import { type RunningSite, startSite } from './site.ts'

let site: RunningSite
let browser: PersonBrowser
let pages: Server
let origin: string

beforeAll(async () => {
  ;[site, browser, pages] = await Promise.all([startSite(), openBrowser(), servePage()])
  origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
})
afterAll(async () => {
  pages.closeAllConnections()
  pages.close()
  await Promise.all([browser, site].map((each) => each[Symbol.asyncDispose]()))
})

async function servePage(): Promise<Server> {
  const bundled = await build({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, modulePreload: false, rolldownOptions: { input: join(import.meta.dirname, 'page-app.ts') } },
  })
  const [output] = [bundled].flat()
  const script = output && 'output' in output ? output.output[0].code : ''
  const server = createServer(({ url }, response) => {
    if (url === '/app.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
    const html = `<!doctype html><html lang="en" data-resource="${site.resource}"><title>A page</title><body><script type="module" src="/app.js"></script></body></html>`
    return response.writeHead(200, { 'content-type': 'text/html' }).end(html)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

verifies('M22', 'a page finds the server, registers, signs somebody in, and calls a tool', async () => {
  await using ada = await browser.person()
  const troubles: string[] = []
  ada.page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()))
  const asked: string[] = []
  ada.page.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`))
  await ada.open(`${origin}/`)
  await ada.page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(new URL(ada.page.url()).origin).toBe(site.issuer)
  await ada.logInAs('ada')
  await ada.approve()
  await ada.page.getByText('Hello, page!').waitFor()
  expect(new URL(ada.page.url()).origin).toBe(origin)
  expect(asked).toEqual(expect.arrayContaining(['POST /register', 'POST /token', 'POST /mcp']))
  expect(troubles.filter((text) => /CORS|Access-Control/i.test(text))).toEqual([])
})

test('a page reads the challenge and the errors, and a page elsewhere reads nothing', async () => {
  await using ada = await browser.person()
  await ada.open(`${origin}/app.js`)
  const read = async (resource: string) => {
    try {
      const response = await fetch(resource, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'mcp-protocol-version': '2025-11-25',
          'mcp-method': 'ping',
          'mcp-name': 'x',
        },
        body: '{}',
      })
      return [response.status, response.headers.get('www-authenticate') !== null]
    } catch (error) {
      return String(error)
    }
  }
  expect(await ada.page.evaluate(read, site.resource)).toEqual([401, true])
  // an opaque origin is nobody's
  await ada.open('data:text/html,<p>elsewhere</p>')
  expect(await ada.page.evaluate(read, site.resource)).toContain('Failed to fetch')
})
