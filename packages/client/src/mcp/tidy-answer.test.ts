// MCP servers that write null where a member is absent, as several languages' libraries do.
import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'

const nothing = { title: null, icons: null, annotations: null, _meta: null }
const inputSchema = { type: 'object', properties: { name: { type: ['string', 'null'], default: null } } }

const results: Readonly<Record<string, unknown>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: { listChanged: null }, prompts: {}, resources: {}, logging: null, experimental: null },
    serverInfo: { name: 'fake', version: '1', title: null, websiteUrl: null },
    instructions: null,
    _meta: null,
  },
  'tools/list': {
    tools: [{ name: 'greet', description: null, inputSchema, outputSchema: null, ...nothing }],
    nextCursor: null,
  },
  'prompts/list': {
    prompts: [
      { name: 'p', description: null, arguments: [{ name: 'a', description: null, required: null }], ...nothing },
    ],
    nextCursor: '',
  },
  'resources/list': {
    resources: [{ uri: 'a://b', name: 'r', mimeType: null, size: null, ...nothing }],
    nextCursor: null,
  },
  'tools/call': {
    content: [{ type: 'text', text: 'null and ""', annotations: null, _meta: null }],
    structuredContent: { kept: null, empty: '', list: [null] },
    isError: null,
    _meta: null,
  },
}

const forms: Readonly<Record<string, (response: ServerResponse, message: unknown) => void>> = {
  JSON: (response, message) => {
    response
      .writeHead(200, { 'content-type': 'Application/JSON; charset=utf-8' })
      .end(`\uFEFF ${JSON.stringify(message)}\n`)
  },
  'an event stream': (response, message) => {
    response.writeHead(200, { 'content-type': 'text/event-stream;charset=utf-8' })
    const text = `: hello\r\n\r\nevent: message\r\ndata:${JSON.stringify(message)}\r\n\r\n`
    for (let at = 0; at < text.length; at += 50) response.write(text.slice(at, at + 50))
    response.end()
  },
}

test.for(Object.keys(forms))('members that are null in %s are none, but for what a tool says itself', async (form) => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  servers.behaviour.raw = (asked, response, id) => {
    if (!results[asked]) return false
    forms[form]?.(response, { jsonrpc: '2.0', id, result: results[asked], error: null })
    return true
  }
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await shell.run([...args, '--json'])
    expect([code, stderr], args.join(' ')).toEqual([0, ''])
    return JSON.parse(stdout)
  }
  expect(await run('tools')).toMatchObject({ tools: [{ name: 'greet', inputSchema }] })
  expect(await run('prompts')).toMatchObject({ prompts: [{ name: 'p', arguments: [{ name: 'a' }] }] })
  expect(await run('resources')).toMatchObject({ resources: [{ uri: 'a://b' }] })
  expect(await run('call', 'greet')).toEqual({
    content: [{ type: 'text', text: 'null and ""' }],
    structuredContent: { kept: null, empty: '', list: [null] },
  })
})
