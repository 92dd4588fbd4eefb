// When the file is looked at, and what is told of it. What is done with it is in reload.test.ts.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readConfig } from './config.ts'
import { createReload } from './reload.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

function scene(beforeStart?: (write: (words: string) => void) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-reload-'))
  const GATEHOUSE_CONFIG = join(folder, 'gatehouse.yaml')
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content)
  const writeFile = (words: string) => write('gatehouse.yaml', `version: 1\nupstreams: { it: { ${words} } }\n`)
  writeFile('url: http://localhost:9/mcp')
  const read = () => readConfig({ GATEHOUSE_CONFIG, DATA_DIR: join(folder, 'data') })
  let watched: { readonly paths: readonly string[]; readonly onChange: () => void } | undefined
  const lines: { level: string; details: Record<string, unknown> }[] = []
  const tell = (level: string) => (details: Record<string, unknown>) => void lines.push({ level, details })
  const applied: number[] = []
  let signal: () => void = () => undefined
  const reload = createReload({
    source: {
      read,
      onSignal(run) {
        signal = run
        return () => undefined
      },
    },
    config: read(),
    apply: ({ gateway }) => {
      applied.push(gateway?.upstreams[0]?.concurrency ?? 0)
      return ['it']
    },
    log: { info: tell('info'), warn: tell('warn'), error: tell('error') } as never,
    metrics: undefined,
    watch(paths, onChange) {
      watched = { paths: [paths].flat(), onChange }
      return () => {
        watched = undefined
      }
    },
  })
  beforeStart?.(writeFile)
  reload.start()
  const files = () => (watched?.paths ?? []).map((path) => path.slice(folder.length + 1))
  const notice = () => watched?.onChange()
  return { reload, write, writeFile, files, notice, lines, applied, signal: () => signal() }
}
const url = 'url: http://localhost:9/mcp'

test('a change between the reading and the start is not missed', () => {
  expect(scene().applied).toEqual([])
  expect(scene((write) => write(`${url}, concurrency: 7`)).applied).toEqual([7])
})

test('secrets that it names are watched, too, from when it names them', () => {
  const { write, writeFile, files, notice, applied } = scene()
  expect(files()).toEqual(['gatehouse.yaml'])
  write('token', 'one')
  writeFile(`${url}, credential: { kind: header, value: { file: token } }`)
  notice()
  expect(files()).toEqual(['gatehouse.yaml', 'token'])
  write('token', 'two')
  notice()
  expect(applied).toHaveLength(2)
  writeFile(url)
  notice()
  expect(files()).toEqual(['gatehouse.yaml'])
})

test('a faulty file is looked at again until what it names is there; it is told of once, or where somebody asks', () => {
  const { reload, write, writeFile, notice, lines, applied, signal } = scene()
  writeFile(`${url}, concurrency: 2, credential: { kind: header, value: { file: later } }`)
  notice()
  const faults = [expect.stringContaining('upstreams.it.credential.value: later cannot be read (ENOENT)')]
  expect(lines).toMatchObject([{ level: 'error', details: { faults } }])
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(1)
  signal()
  expect(lines).toHaveLength(2)
  expect(applied).toEqual([])
  write('later', 'secret')
  vi.advanceTimersByTime(10_000)
  expect(applied).toEqual([2])
  vi.advanceTimersByTime(60_000)
  expect(applied).toEqual([2])
  reload.close()
})

test('once it is closed nothing is watched, and nothing is looked at', () => {
  const { reload, writeFile, files, notice, applied } = scene()
  writeFile('colour: red')
  notice()
  reload.close()
  writeFile(url)
  vi.advanceTimersByTime(60_000)
  expect([files(), applied]).toEqual([[], []])
})
