import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { running } from './harness/running.ts'

const program = fileURLToPath(new URL('./harness/other-user.ts', import.meta.url))
/** With the rights of deploy/gateway/compose.yml. */
const asContainer = ['--no-new-privs', '--bounding-set', '-all,+chown,+kill,+setgid,+setuid', '--clear-groups']
const canDropRights = process.platform === 'linux' && process.getuid?.() === 0

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-as-'))
  chmodSync(folder, 0o711)
})
afterEach(() => rmSync(folder, { recursive: true }))

function runAs(user: number): unknown {
  const node = [process.execPath, '--conditions=gatehouse-source', program, join(folder, 'upstreams'), String(user)]
  return JSON.parse(execFileSync('setpriv', [...asContainer, ...node], { encoding: 'utf8' }))
}

const own = (path: string) => join(folder, 'upstreams/homes/docs', path)
const ownersAndModes = () =>
  ['.', 'home', 'tmp'].map((path) => {
    const { uid, gid, mode } = statSync(own(path))
    return `${uid}:${gid} ${(mode & 0o777).toString(8)}`
  })

test.runIf(canDropRights)('root without a right over files of others runs and ends commands of another user', () => {
  expect(runAs(65_534)).toEqual({ uid: '65534', groups: '65534', cwd: own('home') })
  const right = ['0:0 711', '65534:0 710', '65534:0 710']
  expect(ownersAndModes()).toEqual(right)
  expect(statSync(join(folder, 'upstreams/running')).mode & 0o777).toBe(0o700)
  expect(running(own('home')), 'processes').toEqual([])

  chmodSync(own('home'), 0o755)
  runAs(65_534)
  expect(ownersAndModes(), 'it had opened its home to others').toEqual(right)

  rmSync(own('tmp'), { recursive: true }) // what is in it stays the first user's
  expect(runAs(65_533), 'the settings have another user').toMatchObject({ uid: '65533' })
  expect(ownersAndModes()).toEqual(['0:0 711', '65533:0 710', '65533:0 710'])
})
