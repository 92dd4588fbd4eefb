import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createBuiltin } from '../sources/builtin/builtin.ts'
import { remoteSettings } from './harness/settings.ts'
import { openUpstreams } from './open-upstreams.ts'
import { lockOf } from './pins/lock.ts'
import type { RemoteUpstream } from './settings.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const named = (name: string, given: Partial<RemoteUpstream> = {}) =>
  remoteSettings('https://up.example/mcp', { name, ...given })

const plain = {
  rules: { rules: [], openByDefault: [] },
  limits: { caller: undefined, client: undefined, tools: [] },
  pins: { mode: 'off' as const, lock: lockOf([]) },
}

function open(...upstreams: readonly RemoteUpstream[]) {
  return openUpstreams({
    settings: { endpoints: [], upstreams, ...plain, parked: 10 },
    identity: { name: 'gatehouse', version: '0' },
    log: silent,
    builtin: createBuiltin(),
    proxies: undefined,
    stateFolder: mkdtempSync(join(tmpdir(), 'gatehouse-upstreams-')),
    inherited: { PATH: undefined, LANG: undefined },
  })
}

test('what is the same stays, and what changed keeps its place: nobody has to look for it again', async () => {
  const opened = open(named('a'), named('b'))
  const [a, b] = opened.upstreams
  expect([...opened.change({ upstreams: [named('b', { concurrency: 1 }), named('c'), named('a')] })]).toEqual([
    'b',
    'c',
  ])
  expect(opened.upstreams.map(({ settings }) => settings.name)).toEqual(['b', 'c', 'a'])
  expect([opened.upstreams[2] === a, opened.upstreams[0] === b]).toEqual([true, true])
  expect(b?.settings.concurrency).toBe(1)
  expect([...opened.change({ upstreams: [named('b', { concurrency: 1 })] })].toSorted()).toEqual(['a', 'c'])
  expect([...opened.change({ upstreams: [named('b', { concurrency: 1 })] })]).toEqual([])
  await opened.close()
})

test('where one cannot be opened, nothing has happened', async () => {
  const opened = open(named('a'), named('b'))
  const before = [...opened.upstreams]
  const ca = () => {
    throw new Error('ca.pem cannot be read (ENOENT)')
  }
  const upstreams = [named('a', { concurrency: 1 }), named('c', { tls: { ca } })]
  expect(() => opened.change({ upstreams })).toThrow('ca.pem cannot be read')
  expect(opened.upstreams).toEqual(before)
  expect(before[0]?.settings.concurrency).toBe(50)
  await opened.close()
})
