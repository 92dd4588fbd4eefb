import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type WatchOptions, watchFile } from './watched-file.ts'

/** Only the system tells of changes. */
const told = { poll: 1e9, settle: 10 }
/** So fast that it does not matter what the system tells. */
const polled = { poll: 20, settle: 10 }

let folder: string
let stop: () => void
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-watched-file-'))
  stop = () => {}
})
afterEach(() => {
  stop()
  vi.useRealTimers()
  rmSync(folder, { recursive: true })
})

const file = (name = 'a.yaml', content = 'one') => {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}
function watching(paths: string | readonly string[], options: WatchOptions) {
  const onChange = vi.fn()
  stop = watchFile(paths, onChange, options)
  return (times: number) => vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(times), 10_000)
}

test('a file that is edited in place', async () => {
  const path = file()
  const changes = watching(path, told)
  writeFileSync(path, 'two')
  await changes(1)
  writeFileSync(path, 'three')
  await changes(2)
})

test('a file that another one is renamed over, as editors do', async () => {
  const path = file()
  const changes = watching(path, told)
  for (const times of [1, 2]) {
    renameSync(file('a.yaml~', `edit ${times}`), path)
    await changes(times)
  }
})

test('a config map: the folder that holds the content is swapped by a link beside the file', async () => {
  const path = join(folder, 'a.yaml')
  const swap = (version: string) => {
    file(`..${version}/a.yaml`, version)
    symlinkSync(`..${version}`, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  }
  swap('1')
  symlinkSync('..data/a.yaml', path)
  const changes = watching(path, told)
  swap('2')
  await changes(1)
  swap('3')
  await changes(2)
})

test('a file that is away tells nothing; back with another content, it does, and with the same one it does not', async () => {
  const path = file()
  const changes = watching(path, told)
  rmSync(path)
  file('a.yaml', 'two')
  await changes(1)
  rmSync(path)
  file('a.yaml', 'two')
  file('a.yaml', 'three')
  await changes(2)
})

test('a file, or its folder, that is not there yet', async () => {
  const changes = watching(join(folder, 'later', 'a.yaml'), polled)
  file('later/a.yaml')
  await changes(1)
})

test('where the system tells nothing, as of a file that is mounted or linked, a slow look does', async () => {
  const elsewhere = file('elsewhere/a.yaml')
  mkdirSync(join(folder, 'here'))
  const path = join(folder, 'here', 'a.yaml')
  symlinkSync(elsewhere, path)
  const changes = watching(path, polled)
  writeFileSync(elsewhere, 'two')
  await changes(1)
})

test('a content that does not stay counts as none: it was half written', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  const elsewhere = file('elsewhere/a.yaml')
  mkdirSync(join(folder, 'here'))
  symlinkSync(elsewhere, join(folder, 'here', 'a.yaml'))
  const onChange = vi.fn()
  stop = watchFile(join(folder, 'here', 'a.yaml'), onChange, { poll: 1_000, settle: 100 })
  const pass = async (milliseconds: number, done: () => boolean) => {
    vi.advanceTimersByTime(milliseconds)
    while (!done()) await new Promise(setImmediate)
  }
  const looksAgain = () => vi.getTimerCount() === 2

  writeFileSync(elsewhere, 'half')
  await pass(1_000, looksAgain)
  await pass(100, looksAgain)
  writeFileSync(elsewhere, 'half, and the rest')
  await pass(100, looksAgain)
  expect(onChange).not.toHaveBeenCalled()
  await pass(100, () => onChange.mock.calls.length > 0)
  expect(looksAgain()).toBe(false)
})

test('what was written without a change counts as none, and neighbours do not matter', async () => {
  const path = file()
  const changes = watching(path, told)
  file('b.yaml')
  writeFileSync(path, 'one')
  writeFileSync(path, 'two')
  await changes(1)
})

test('several files: one that cannot be read hides no change of another', async () => {
  const changes = watching([file(), join(folder, 'none'), file('b/b.yaml')], told)
  file('b/b.yaml', 'two')
  await changes(1)
  file('a.yaml', 'two')
  await changes(2)
})

test('after the end nothing is told', async () => {
  const path = file()
  const early = vi.fn()
  watchFile(path, early, polled)()
  const changes = watching(path, polled)
  writeFileSync(path, 'two')
  await changes(1)
  expect(early).not.toHaveBeenCalled()
})
