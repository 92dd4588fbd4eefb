// What the page of examples/company says, as far as that takes no service: the table, what is installed, what would be decided. The
// table is asked cell by cell in company/company.full.test.ts.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository, startProcess } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { thingsOf } from './company/cells.ts'
import { callers, matches, rows, table } from './company/expected.ts'

const folder = join(repository, 'examples/company')
const readme = readFileSync(join(folder, 'README.md'), 'utf8')

test('the table of the README is the one that is tested, and it is about all that the servers have', () => {
  expect(readme).toContain(table)
  expect(callers).toHaveLength(7)
  const all = thingsOf({ folder })
  expect(all.length).toBeGreaterThan(30)
  for (const { kind, name } of all)
    expect(
      rows.some((row) => matches(row, { kind, name })),
      `a row about the ${kind} ${name}`,
    ).toBe(true)
  for (const row of rows)
    for (const glob of row.globs)
      expect(
        all.some((thing) => matches({ ...row, globs: [glob] }, thing)),
        `${glob} is there`,
      ).toBe(true)
})

test('the example installs what is tested', () => {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const catalog = readFileSync(join(repository, 'pnpm-workspace.yaml'), 'utf8')
  expect(Object.keys(dependencies).length).toBeGreaterThan(3)
  for (const [name, version] of Object.entries(dependencies))
    expect(catalog).toMatch(new RegExp(`^  "?${name}"?: ${version}$`, 'm'))
})

test('what the README says would be decided is what the command says', async () => {
  const shown = [...readme.matchAll(/^\$ gatehouse (gateway explain .+)\n((?:(?!\$ |`).+\n)+)/gm)]
  expect(shown).toHaveLength(3)
  for (const [, line = '', said] of shown) {
    const args = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
    const file = ['--file', join(folder, 'gatehouse.yaml')]
    await using running = startProcess(['packages/cli/src/main.ts', ...args, ...file])
    await running.exited
    expect(running.output(), line).toBe(said)
  }
})
