import { describe, expect, test } from 'vitest'
import { everythingServer } from '../harness/everything.ts'
import { testUpstream } from '../harness/upstreams.ts'
import type { Behalf, Members, Notification, Request } from './contract.ts'

const transports = ['http', 'sse', 'stdio'] as const

describe.each(transports)('an upstream over %s', (transport) => {
  test('lists and calls, with progress in order and before the result', async () => {
    await using server = await everythingServer(transport)
    await using upstream = testUpstream(server.settings)
    const { behalf, heard } = caller({ progressToken: 'p1' })
    const { tools } = await upstream.request({ method: 'tools/list' }, behalf)
    expect(tools.map(({ name }: { name: string }) => name)).toContain('echo')
    const echo = { method: 'tools/call', params: { name: 'echo', arguments: { message: 'hi' } } }
    expect(await upstream.request(echo, behalf)).toMatchObject({ content: [{ type: 'text', text: 'Echo: hi' }] })
    const long = { name: 'trigger-long-running-operation', arguments: { duration: 0.4, steps: 4 } }
    await upstream.request({ method: 'tools/call', params: long }, behalf)
    const progress = heard.filter(({ method }) => method === 'notifications/progress')
    expect(progress.map(({ params }) => [params?.progressToken, params?.progress])).toEqual([
      ['p1', 1],
      ['p1', 2],
      ['p1', 3],
      ['p1', 4],
    ])
  })

  test('asks on behalf of the caller', async () => {
    await using server = await everythingServer(transport)
    await using upstream = testUpstream(server.settings)
    const asked: Request[] = []
    const { behalf } = caller({
      capabilities: { elicitation: {} },
      ask: async (question) => {
        asked.push(question)
        return { action: 'decline' }
      },
    })
    const call = { method: 'tools/call', params: { name: 'trigger-elicitation-request', arguments: {} } }
    const result = await upstream.request(call, behalf)
    expect(asked.map(({ method }) => method)).toEqual(['elicitation/create'])
    expect(JSON.stringify(result)).toContain('declined')
  })

  test('says of itself what it can do', async () => {
    await using server = await everythingServer(transport)
    await using upstream = testUpstream(server.settings)
    const description = await upstream.describe(caller().behalf)
    expect(description).toMatchObject({ era: '2025', capabilities: { tools: {}, prompts: {}, resources: {} } })
  })
})

interface CallerOptions {
  readonly progressToken?: string
  readonly capabilities?: Members
  readonly ask?: Behalf['ask']
}

function caller({ progressToken, capabilities = {}, ask }: CallerOptions = {}) {
  const heard: Notification[] = []
  const behalf: Behalf = {
    owner: {
      endpoint: 'http://localhost/mcp',
      issuer: 'http://localhost',
      subject: 'dev:ada',
      clientId: 'c',
      session: undefined,
    },
    granted: { scopes: new Set(), expiresAt: 2_000_000_000 },
    capabilities,
    headers: {},
    progressToken,
    logLevel: undefined,
    signal: new AbortController().signal,
    hear: (notification) => void heard.push(notification),
    ask: ask ?? (() => Promise.reject(new Error('not to be asked'))),
  }
  return { behalf, heard }
}
