import { mkdirSync, mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openState } from './state.ts'

function place() {
  const root = mkdtempSync(join(tmpdir(), 'gatehouse-state-'))
  mkdirSync(join(root, 'work'))
  return { root, given: { env: { GATEHOUSE_HOME: join(root, 'home') }, folder: join(root, 'work') } }
}

test('each server has a folder of its own, for its owner alone', () => {
  const { given } = place()
  const one = openState({ url: 'http://localhost:1/mcp' }, given)
  const two = openState({ command: ['server'] }, given)
  expect(one).not.toBe(two)
  expect(openState({ url: 'http://localhost:1/mcp' }, given)).toBe(one)
  for (const folder of [one, two]) expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test('a command is not given a folder that holds the keys', () => {
  const { root, given } = place()
  for (const folder of ['/', '..', root, join(root, 'home'), `--root=${root}`]) {
    expect(() => openState({ command: ['server', folder] }, given), folder).toThrow(/holds this program's keys/)
  }
  expect(openState({ command: ['server', '.', 'nothing-there'] }, given)).toContain('protect')
})
