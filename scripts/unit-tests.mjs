// The unit tests of one package, for turbo, with a report for tally.mjs: node scripts/unit-tests.mjs apps/auth
import { join } from 'node:path'
import { runChild } from './child.mjs'

const root = join(import.meta.dirname, '..')
const [folder = ''] = process.argv.slice(2)
const report = join(root, folder, 'test-output', 'unit.json')
const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'unit', `${folder}/`]
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
const { code } = await runChild(process.execPath, [...vitest, ...reporters], { cwd: root, stdio: 'inherit' })
process.exit(code)
