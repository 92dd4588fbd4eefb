// The MCP project's own conformance suite against our client, through the library that the command is made of: all that it
// requires of a client passes, and nothing is warned of. The figures are kept in test-output/conformance-client.json.
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { repository, startProcess } from '@gatehouse/testing'
import { afterAll, expect, test } from 'vitest'

const program = 'packages/e2e/node_modules/@modelcontextprotocol/conformance/dist/index.js'
const driver = 'packages/client/src/harness/conformance-driver.ts'
const expectedFailures = join(import.meta.dirname, 'conformance-client-expected-failures.yml')
const knownToFail = [...readFileSync(expectedFailures, 'utf8').matchAll(/^ {2}- (\S+)$/gm)].map(([, name]) => name)

const figures: Record<string, Record<string, number>> = {}

afterAll(() => {
  const folder = join(repository, 'test-output')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'conformance-client.json'), `${JSON.stringify(figures, null, 2)}\n`)
})

interface Check {
  readonly scenario: string
  readonly id: string
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  readonly errorMessage?: string
}

test.each([
  { run: ['--suite', 'auth'], scenarios: 14, passes: 230 },
  { run: ['--suite', 'core'], scenarios: 18, passes: 241 },
  { run: ['--requirements', '2025-11-25'], scenarios: 18, passes: 241 },
  { run: ['--requirements', '2026-07-28'], scenarios: 32, passes: 405 },
])(
  'our client passes $run whole',
  async ({ run, scenarios, passes }) => {
    const results = mkdtempSync(join(tmpdir(), 'gatehouse-conformance-'))
    const { code, output } = await runSuite(run, results)
    const checks = readChecks(results)
    rmSync(results, { recursive: true, force: true })

    const isUnscored = (name: string) => new RegExp(`^  [✓✗] ${name} \\(`, 'm').test(output)
    const scored = checks.filter(({ scenario }) => !isUnscored(scenario))
    const count = (status: Check['status']) => scored.filter((check) => check.status === status).length
    figures[run.join(' ')] = {
      exitCode: code ?? -1,
      scenarios: new Set(scored.map(({ scenario }) => scenario)).size,
      passed: count('SUCCESS'),
      failed: count('FAILURE'),
      warnings: count('WARNING'),
    }
    process.stdout.write(`${run.join(' ')}: ${JSON.stringify(figures[run.join(' ')])}\n`)
    expect(code, output).toBe(0)
    expect(scored.filter(({ status }) => status === 'FAILURE' || status === 'WARNING')).toEqual([])
    expect(figures[run.join(' ')]?.scenarios).toBe(scenarios)
    expect(count('SUCCESS')).toBeGreaterThanOrEqual(passes)
    const failing = new Set(checks.filter(({ status }) => status === 'FAILURE').map(({ scenario }) => scenario))
    expect([...failing].toSorted()).toEqual(run[0] === '--suite' ? [] : knownToFail.toSorted())
  },
  120_000,
)

async function runSuite(run: readonly string[], results: string) {
  await using suite = startProcess(
    [
      ...[program, 'client', ...run, '--command', `node --conditions=gatehouse-source ${join(repository, driver)}`],
      ...['--timeout', '60000', '--output-dir', results],
    ],
    { env: { PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` } },
  )
  const { code } = await suite.exited
  return { code, output: suite.output() }
}

function readChecks(results: string): Check[] {
  return globSync('**/checks.json', { cwd: results }).flatMap((file) => {
    const scenario = dirname(file).replace(/-\d{4}-\d{2}-\d{2}T[^/]*$/, '')
    const checks = JSON.parse(readFileSync(join(results, file), 'utf8')) as Omit<Check, 'scenario'>[]
    return checks.map(({ id, status, errorMessage }) => ({
      scenario,
      id,
      status,
      ...(errorMessage !== undefined && { errorMessage }),
    }))
  })
}
