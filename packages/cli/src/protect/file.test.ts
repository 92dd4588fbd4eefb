import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '@gatehouse/mcp/inspect'
import { expect, test } from 'vitest'
import { gatewayFile, nameOf } from './file.ts'
import type { Target } from './options.ts'

test.each<[Target, string]>([
  [{ url: 'http://localhost:8080/mcp' }, 'localhost'],
  [{ url: 'https://api.example.com/mcp' }, 'api'],
  [{ url: 'http://127.0.0.1/mcp' }, 'server'],
  [{ command: ['npx', '-y', '@modelcontextprotocol/server-filesystem@1.2.3', '.'] }, 'filesystem'],
  [{ command: ['uvx', 'mcp-server-git'] }, 'git'],
  [{ command: ['node', './weather/dist/index.js'] }, 'weather'],
  [{ command: ['node', '/opt/node_modules/@x/server-memory/dist/index.js', '.'] }, 'memory'],
  [{ command: ['node', 'index.js'] }, 'server'],
  [{ command: ['builtin'] }, 'server'],
  [{ command: ['/usr/bin/a-server-with-a-very-long-name'] }, 'a-server-with-a-very'],
])('%j is called %s', (target, name) => {
  expect(nameOf(target)).toBe(name)
})

const common = { env: [], isSse: false, folder: '/home/ada', home: '/nowhere' }

test('what is written is a file that the services read, and no secret is in it', () => {
  const environment = { UPSTREAM_AUTHORIZATION: 'Bearer canary', TOKEN: 'canary', npm_config_registry: 'canary' }
  const targets: Target[] = [{ url: 'http://localhost:8080/mcp' }, { command: ['npx', 'server'] }]
  for (const target of targets) {
    const env = 'command' in target ? ['TOKEN'] : []
    const text = gatewayFile({ ...common, target, env, environment }, { resource: 'http://localhost:3000/mcp' })
    expect(text).not.toContain('canary')
    const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-file-')), 'gatehouse.yaml')
    writeFileSync(file, text)
    const config = readConfig({ ...environment, GATEHOUSE_CONFIG: file, DATA_DIR: join(file, '..') })
    expect(config.gateway?.upstreams).toHaveLength(1)
  }
})

test('npm’s settings and cache go to what npm starts alone', () => {
  const environment = { npm_config_userconfig: '/home/ada/.npmrc', NODE_EXTRA_CA_CERTS: '/ca.pem', OTHER: 'x' }
  const fileOf = (...command: [string, ...string[]]) =>
    gatewayFile({ ...common, target: { command }, environment }, undefined)
  expect(fileOf('npx', 'server')).toMatch(/npm_config_userconfig:\n\s+env: npm_config_userconfig/)
  expect(fileOf('npx', 'server')).toMatch(/NODE_EXTRA_CA_CERTS/)
  expect(fileOf('npx', 'server')).not.toMatch(/OTHER/)
  expect(fileOf('node', 'server')).not.toMatch(/npm_config/)
})
