import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createProcessGroups } from './process-groups.ts'

const program = fileURLToPath(new URL('./suites/prepare-folders.ts', import.meta.url))
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
/** With the rights of deploy/gateway/compose.yml. */
const asContainer = ['--no-new-privs', '--bounding-set', '-all,+chown,+kill,+setgid,+setuid', '--clear-groups']
const canDropRights = process.platform === 'linux' && process.getuid?.() === 0

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'surroundings-'))
  chmodSync(folder, 0o711)
})
afterEach(() => rmSync(folder, { recursive: true }))

function prepare(uid: number): void {
  const node = [
    process.execPath,
    '--conditions=gatehouse-source',
    program,
    join(folder, 'upstreams/homes'),
    String(uid),
  ]
  execFileSync('setpriv', [...asContainer, ...node], { stdio: 'pipe' })
}

const ownerAndMode = (path: string) => {
  const { uid, gid, mode } = statSync(join(folder, 'upstreams/homes/docs', path))
  return `${uid}:${gid} ${(mode & 0o777).toString(8)}`
}

test.runIf(canDropRights)(
  'root that may read no file of others prepares folders of another user, each time',
  async () => {
    const groups = await createProcessGroups({ folder: join(folder, 'upstreams/running'), log })
    prepare(65_534)
    const all = () => ['.', 'home', 'tmp'].map(ownerAndMode)
    const right = ['0:0 711', '65534:65534 700', '65534:65534 700']
    expect(all()).toEqual(right)
    chmodSync(join(folder, 'upstreams/homes/docs/home'), 0o755)
    prepare(65_534)
    expect(all(), 'it opened its home to others').toEqual(right)
    prepare(65_533)
    expect(all(), 'the settings have another user').toEqual(['0:0 711', '65533:65533 700', '65533:65533 700'])
    expect(statSync(join(folder, 'upstreams/running')).mode & 0o777).toBe(0o700)
    await groups.close()
  },
)
