import { expect, test } from 'vitest'
import { parseProtect } from './options.ts'

const parse = (...args: readonly string[]) => parseProtect(args, 'gatehouse protect')

test('a URL or a command, which keeps its own options', () => {
  expect(parse('http://localhost:8080/mcp')).toEqual({
    target: { url: 'http://localhost:8080/mcp' },
    env: [],
    save: undefined,
    publicOrigin: undefined,
    port: undefined,
  })
  expect(parse('--', 'npx', '-y', 'server', '--port', '1').target).toEqual({
    command: ['npx', '-y', 'server', '--port', '1'],
  })
})

test('options stand before the command, with their value or after "="', () => {
  const { env, save, publicOrigin, port } = parse(
    ...['--env', 'TOKEN', '--env=HOME', '--save', 'a.yaml', '--public', 'https://mcp.example.com/', '--port=3100'],
    ...['--', 'server'],
  )
  expect({ env, save, publicOrigin, port }).toEqual({
    env: ['TOKEN', 'HOME'],
    save: 'a.yaml',
    publicOrigin: 'https://mcp.example.com',
    port: 3100,
  })
  expect(parse('--save', 'http://localhost/mcp').save).toBe('gatehouse.yaml')
})

test.each([
  [[], /Protect what/],
  [['http://localhost', '--', 'server'], /not both/],
  [['ftp://localhost'], /no http or https URL/],
  [['http://localhost', 'more'], /one word too many/],
  [['http://localhost', '--fast'], /no option --fast/],
  [['http://localhost', '--env', 'A'], /for commands/],
  [['http://localhost', '--port', '0'], /number from 1/],
  [['http://localhost', '--port'], /needs a value/],
  [['http://localhost', '--public', 'http://mcp.example.com'], /https origin/],
  [['http://localhost', '--public', 'https://mcp.example.com/path'], /https origin/],
])('%j is refused', (args, message) => {
  expect(() => parse(...args)).toThrow(message)
})
