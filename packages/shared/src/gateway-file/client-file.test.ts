import { expect, test } from 'vitest'
import { readGatewayFile } from './index.ts'

const variable = (name: string) => ({ ROOT: '/srv', HOST: 'up.example', USER: 'ada:pw' })[name]
const read = (mcpServers: object, beside: object = {}) => {
  const text = JSON.stringify({ mcpServers, ...beside }, undefined, 1)
  const { file, faults, warnings } = readGatewayFile(text, { variable, issuer: 'http://localhost:4000' })
  return { file, faults: faults?.map(({ message }) => message), warnings: warnings.map(({ message }) => message) }
}

test('the file of a desktop client is taken as it is', () => {
  const { file, warnings } = read({
    files: {
      command: 'npx',
      args: ['-y', 'mcp-files', '${ROOT}/docs', '${NONE:-x}'],
      env: { LOG: 'info', N: 1, T: '${T}' },
      cwd: '${ROOT}',
    },
    remote: { type: 'streamable-http', url: 'https://${HOST}/mcp', headers: { Authorization: 'Bearer ${env:TOKEN}' } },
    old: { type: 'sse', url: 'http://localhost:9/sse' },
  })
  expect(warnings).toEqual([])
  expect(file).toMatchObject({
    endpoints: undefined,
    parked: 10,
    pins: { mode: 'off' },
    audit: undefined,
    upstreams: [
      {
        name: 'files',
        transport: 'stdio',
        command: ['npx', '-y', 'mcp-files', '/srv/docs', 'x'],
        cwd: '/srv',
        env: {
          LOG: { kind: 'plain', text: 'info' },
          N: { kind: 'plain', text: '1' },
          T: { kind: 'template', text: '${T}', at: 'mcpServers.files.env.T', line: 14 },
        },
        isolation: 'caller',
        timeouts: { call: 600_000 },
        processes: { max: 20 },
      },
      {
        name: 'remote',
        transport: 'http',
        url: 'https://up.example/mcp',
        headers: { authorization: { kind: 'template', text: 'Bearer ${env:TOKEN}' } },
      },
      { name: 'old', transport: 'sse', url: 'http://localhost:9/sse', headers: {} },
    ],
  })
})

test('names are mapped, and told', () => {
  const server = { command: 'x' }
  const { file, warnings } = read({
    'GitHub Server': server,
    github_server: server,
    Ünïcode: server,
    '7zip': server,
    社内: server,
    builtin: server,
    'a-very-long-name-for-a-server': server,
  })
  expect(file?.upstreams.map(({ name }) => name)).toEqual([
    'github-server',
    'github-server-2',
    'unicode',
    'server-7zip',
    'server',
    'builtin-2',
    'a-very-long-name-for',
  ])
  expect(warnings[0]).toBe('mcpServers.GitHub Server: is served as github-server')
  expect(warnings).toHaveLength(7)
})

test('what is disabled is left out, and what only an editor understands is ignored: both are told', () => {
  const { file, warnings } = read(
    {
      a: { command: 'x', autoApprove: ['y'] },
      b: { command: 'x', disabled: true },
      c: { command: 'x', disabled: false },
    },
    { globalShortcut: 'Ctrl+Space' },
  )
  expect(file?.upstreams.map(({ name }) => name)).toEqual(['a', 'c'])
  expect(warnings).toEqual([
    'mcpServers.a.autoApprove: means nothing to a server: it is ignored',
    'mcpServers.b: is disabled: it is not served',
    'globalShortcut: means nothing to a server: it is ignored',
  ])
})

test('a secret in plain text is warned of', () => {
  const { warnings } = read({
    a: { command: 'x', env: { API_KEY: 'hunter2', LOG: 'info' } },
    b: { url: 'https://up.example/mcp', headers: { Authorization: 'Bearer hunter2', 'X-Tenant': 't' } },
  })
  expect(warnings).toHaveLength(2)
  expect(warnings[0]).toMatch(/^mcpServers\.a\.env\.API_KEY: looks like a secret/)
  expect(warnings.join()).not.toContain('hunter2')
})

test('every fault is told at once', () => {
  const { faults } = read(
    {
      a: { command: 'x', args: ['${NOBODY}'], cwd: '${input:folder}' },
      b: { url: 'https://${USER}@up.example/mcp' },
      c: { url: 'http://localhost:4000' },
      d: { url: 'https://up.example', command: 'x' },
      e: { type: 'stdio', url: 'https://up.example' },
      f: { type: 'http', command: 'x' },
      g: {},
      h: { command: 'x', colour: 'red' },
      i: { command: 1, env: { A: [] } },
      j: 'x',
    },
    { endpoints: [] },
  )
  expect(faults).toEqual([
    'mcpServers.a.args[0]: NOBODY is not set: set it in the environment',
    expect.stringContaining('mcpServers.a.cwd: has a ${…} that only an editor can fill in'),
    expect.stringContaining('mcpServers.b.url: must have no user name or password'),
    expect.stringContaining('mcpServers.c.url: is the issuer'),
    'mcpServers.d.url: has a url and a command: take one away',
    'mcpServers.e.type: is stdio, and there is a url: name the command',
    'mcpServers.f.type: is http, and there is a command',
    'mcpServers.g: needs a url or a command',
    'mcpServers.h.colour: there is no such setting in a file with mcpServers: take it out',
    'mcpServers.i.command: must be text: put it in quotes',
    'mcpServers.i.env.A: must be text',
    'mcpServers.j: must be settings by name',
    'endpoints: there is no such setting in a file with mcpServers: take it out',
  ])
  expect(read({}).faults).toEqual(['mcpServers: names no server that is not disabled'])
  expect(read({ a: { command: 1, url: 2 } }).faults).toHaveLength(2)
})

test('who resolves nothing leaves variables as they are', () => {
  const text = JSON.stringify({ mcpServers: { a: { url: '${ANYWHERE}' }, b: { command: '${X}' } } })
  expect(readGatewayFile(text).file?.upstreams).toMatchObject([{ url: '${ANYWHERE}' }, { command: ['${X}'] }])
})
