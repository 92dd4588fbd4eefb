import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { watchFile } from './watched-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-watched-'))
const path = join(folder, 'gatehouse.yaml')
let stop: () => void = () => undefined
afterEach(() => {
  stop()
  rmSync(path, { force: true })
})

/** Watches, and counts. */
function watching() {
  const onChange = vi.fn()
  stop = watchFile(path, onChange)
  return onChange
}
const heard = (onChange: ReturnType<typeof watching>) =>
  vi.waitFor(() => expect(onChange).toHaveBeenCalled(), { timeout: 10_000 })

test('a file that is written to has changed', async () => {
  writeFileSync(path, 'one')
  const onChange = watching()
  writeFileSync(path, 'two')
  await heard(onChange)
}, 15_000)

test('so has one in whose place another was put, as editors do, and one that was not there', async () => {
  const first = watching()
  writeFileSync(`${path}.new`, 'two')
  renameSync(`${path}.new`, path)
  await heard(first)
  stop()
  const second = watching()
  writeFileSync(`${path}.new`, 'three')
  renameSync(`${path}.new`, path)
  await heard(second)
}, 30_000)

test('so has one whose folder is a link that leads elsewhere now, as config maps do', async () => {
  const versions = ['one', 'two'].map((content) => {
    const version = join(folder, `..${content}`)
    mkdirSync(version)
    writeFileSync(join(version, 'gatehouse.yaml'), content)
    return version
  })
  symlinkSync(versions[0] ?? '', join(folder, '..data'))
  symlinkSync('..data/gatehouse.yaml', path)
  const onChange = watching()
  symlinkSync(versions[1] ?? '', join(folder, '..data_new'))
  renameSync(join(folder, '..data_new'), join(folder, '..data'))
  await heard(onChange)
}, 15_000)

test('nothing is heard once it is stopped', async () => {
  writeFileSync(path, 'one')
  const onChange = watching()
  writeFileSync(path, 'two')
  stop()
  const other = watching()
  writeFileSync(path, 'three')
  await heard(other)
  expect(onChange).not.toHaveBeenCalled()
}, 15_000)
