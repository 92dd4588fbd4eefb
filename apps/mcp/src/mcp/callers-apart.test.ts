// Callers of 2026-07-28 share a server of the SDK (exchanges.ts). Many who ask at once, all with the same id, hear of themselves alone.
import { inputRequired, PerRequestHTTPServerTransport } from '@modelcontextprotocol/server'
import { expect, test, vi } from 'vitest'
import { createFixtureSource } from '../harness/fixture-source.ts'
import { requestOf, startMcpServer } from '../harness/mcp-server.ts'
import { text } from '../sources/builtin/tools/tool.ts'

const form = { mode: 'form', message: 'Name?', requestedSchema: { type: 'object', properties: {} } } as const
const turn = () => new Promise((resolve) => setImmediate(resolve))

function createTellingSource() {
  const source = createFixtureSource()
  source.addTool({
    name: 'tell',
    description: 'Says who asks, several times',
    async run(_input, { caller, request: { mcpReq } }) {
      for (let at = 0; at < 4; at += 1) {
        await mcpReq.log('info', `heard by ${caller.subject}`)
        for (let turns = 0; turns < caller.subject.length % 4; turns += 1) await turn()
      }
      return text(`answered to ${caller.subject}`)
    },
  })
  source.addTool({
    name: 'ask',
    description: 'Asks back',
    async run() {
      await turn()
      return inputRequired({ inputRequests: { name: inputRequired.elicit(form) } }) as never
    },
  })
  return source
}

test('each of 400 who ask at once is told and answered of themselves, though a third of them leaves', async () => {
  await using server = await startMcpServer({ source: createTellingSource() })
  const alone = vi.spyOn(PerRequestHTTPServerTransport.prototype, 'handleMessage')
  const subjects = Array.from({ length: 40 }, (_, index) => `dev:caller-${'x'.repeat(index % 7)}${index}`)
  const tokens = await Promise.all(subjects.map((sub) => server.sign({ sub })))
  const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'tell', arguments: {} })
  message.params = {
    ...message.params,
    _meta: { ...(message.params._meta as object), 'io.modelcontextprotocol/logLevel': 'debug' },
  }
  const seen = await Promise.all(
    Array.from({ length: 400 }, async (_, index) => {
      const at = index % subjects.length
      const leaving = new AbortController()
      const asked = fetch(server.resource, {
        method: 'POST',
        signal: leaving.signal,
        headers: {
          authorization: `Bearer ${tokens[at]}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...headers,
        },
        body: JSON.stringify(message),
      })
      if (index % 3 === 0) asked.then(() => leaving.abort()).catch(() => undefined)
      const body = await asked.then((response) => response.text()).catch(() => undefined)
      return { subject: subjects[at], body, left: index % 3 === 0 }
    }),
  )
  const stayed = seen.filter(({ left }) => !left)
  for (const { subject, body = '' } of stayed) {
    expect(body.match(/(?:heard by|answered to) [^"]*/g)).toEqual([
      ...Array.from({ length: 4 }, () => `heard by ${subject}`),
      `answered to ${subject}`,
    ])
    expect(body.match(/"id":1\b/g)).toHaveLength(1)
  }
  expect(stayed.length).toBeGreaterThan(250)
  expect(alone, 'none went the long way').not.toHaveBeenCalled()
  alone.mockRestore()
})

test('what one client can do is not taken for what another can do that asks at the same time', async () => {
  await using server = await startMcpServer({ source: createTellingSource() })
  const token = await server.sign()
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'ask', arguments: {} })
      const able = index % 2 === 0 ? { elicitation: { form: {} } } : {}
      const meta = { ...(message.params._meta as object), 'io.modelcontextprotocol/clientCapabilities': able }
      const asked = { ...message, params: { ...message.params, _meta: meta } }
      const response = await server.post(asked, { ...headers, authorization: `Bearer ${token}` })
      return { able: index % 2 === 0, text: await response.text() }
    }),
  )
  for (const { able, text: said } of answers) expect(said).toContain(able ? '"input_required"' : '"error"')
})
