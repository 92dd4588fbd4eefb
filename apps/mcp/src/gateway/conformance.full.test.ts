// The conformance suites of both revisions, run through the gateway in front of five upstreams. What passes without the
// gateway passes through it, but for what two eras cannot say to each other: that is in a table, each with its reason.
import { afterAll, expect, test } from 'vitest'
import { type ConformanceCheck, runConformanceAt, runServerConformance } from '../harness/conformance.ts'
import { conformanceSource } from '../harness/conformance-fixtures.ts'
import { type Era, eras } from '../harness/mcp-server.ts'
import { type FixtureKind, fixtureKinds, startFixture } from './harness/fixture-upstream.ts'
import { gatewayEnv } from './harness/gateway.ts'

/** What two eras cannot say to each other, by the suite: the upstream is of the other era. */
const losses: Readonly<Record<Era, Readonly<Record<string, string>>>> = {
  '2025-11-25': {
    ...each(
      'a server of 2026-07-28 cannot ask in the middle of a call, as these tools do',
      'elicitation-sep1034-defaults/elicitation-sep1034-boolean-default',
      'elicitation-sep1034-defaults/elicitation-sep1034-enum-default',
      'elicitation-sep1034-defaults/elicitation-sep1034-integer-default',
      'elicitation-sep1034-defaults/elicitation-sep1034-number-default',
      'elicitation-sep1034-defaults/elicitation-sep1034-string-default',
      'elicitation-sep1330-enums/elicitation-sep1330-legacy-enumnames',
      'elicitation-sep1330-enums/elicitation-sep1330-titled-multi',
      'elicitation-sep1330-enums/elicitation-sep1330-titled-single',
      'elicitation-sep1330-enums/elicitation-sep1330-untitled-multi',
      'elicitation-sep1330-enums/elicitation-sep1330-untitled-single',
      'tools-call-elicitation/tools-call-elicitation',
      'tools-call-sampling/tools-call-sampling',
    ),
  },
  '2026-07-28': {
    ...each(
      'a question of a 2025 server has no name, where the suite wants `user_name`: ours is `question`',
      'input-required-result-basic-elicitation/sep-2322-elicitation-complete',
      'input-required-result-basic-elicitation/sep-2322-elicitation-incomplete',
    ),
    ...each(
      'the suite answers before it was asked: a 2025 server takes an answer to a question only',
      'input-required-result-ignore-extra-params/sep-2322-ignore-unexpected-params',
    ),
    ...each(
      'a 2025 server asks one question after the other, where the suite wants three at once',
      'input-required-result-multiple-input-requests/sep-2322-multiple-inputs-complete',
      'input-required-result-multiple-input-requests/sep-2322-multiple-inputs-incomplete',
    ),
    ...each(
      'the 2025 server decides itself what a call without a capability is: it answers with a failed result, not -32021',
      'input-required-result-capability-check/sep-2322-respect-client-capabilities',
      'stateless/sep-2575-missing-capability-http-400',
      'stateless/sep-2575-server-rejects-undeclared-capability',
    ),
  },
}

/** What belongs to a hop, of whichever era the upstream is. */
const ofTheHop: typeof losses = {
  '2025-11-25': each(
    "a tool closes the stream of its own hop; the client's stays open, so that there is nothing to resume",
    'sse-polling/server-sse-disconnect-resume',
  ),
  '2026-07-28': {},
}

function each(reason: string, ...checks: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(checks.map((check) => [check, reason]))
}

/** What the suite of 2026-07-28 declares where it waits for half a second. */
const calledWith = [{}, { elicitation: {} }, { sampling: {} }]

/** Tasks are an extension that the fixtures do not have. */
const isOurs = ({ scenario }: ConformanceCheck): boolean => !scenario.startsWith('tasks-')
const rows: string[][] = []

/** Names of checks that passed, each time that they were made. */
function passed(checks: readonly ConformanceCheck[]): ReadonlySet<string> {
  const ours = checks.filter(isOurs)
  const named = (...statuses: readonly string[]) =>
    ours.filter(({ status }) => statuses.includes(status)).map(({ scenario, id }) => `${scenario}/${id}`)
  const failed = named('FAILURE', 'WARNING')
  return new Set(named('SUCCESS').filter((check) => !failed.includes(check)))
}

function passes(checks: readonly ConformanceCheck[]): number {
  return checks.filter(isOurs).filter(({ status }) => status === 'SUCCESS').length
}

function row(server: string, revision: Era, checks: readonly ConformanceCheck[], lost: number | undefined): void {
  const failed = checks.filter(isOurs).filter(({ status }) => status === 'FAILURE' || status === 'WARNING').length
  rows.push([server, revision, String(passes(checks)), String(failed), lost === undefined ? '' : String(lost)])
}

test.each(eras)('the suite of %s', async (revision) => {
  const own = `http ${revision.slice(0, 4)}` as FixtureKind
  await using alone = await startFixture(own)
  const bare = await runConformanceAt((alone.settings as { readonly url: string }).url, revision)
  row(`bare ${own}`, revision, bare.checks, undefined)
  const direct = await runServerConformance(revision, { source: conformanceSource })
  row('guard only', revision, direct.checks, undefined)

  const wanted = new Set([...passed(bare.checks), ...passed(direct.checks)])
  for (const kind of fixtureKinds) {
    await using fixture = await startFixture(kind)
    const env = gatewayEnv({ fixture: fixture.settings })
    const through = await runServerConformance(revision, { env, ...(revision === '2026-07-28' && { calledWith }) })
    const kept = passed(through.checks)
    const lost = [...wanted].filter((check) => !kept.has(check)).toSorted()
    row(`gateway, ${kind}`, revision, through.checks, lost.length)
    const isSameEra = kind.endsWith(revision.slice(0, 4))
    const expected = Object.keys({ ...(!isSameEra && losses[revision]), ...ofTheHop[revision] }).toSorted()
    const said = through.checks.filter(({ scenario, id }) => lost.includes(`${scenario}/${id}`))
    expect.soft(lost, `${kind}: ${JSON.stringify(said, null, 1)}`).toEqual(expected)
  }
})

afterAll(() => {
  const head = ['server', 'suite', 'passed', 'failed', 'lost']
  const lines = [head, ...rows].map((cells) => cells.map((cell, i) => cell.padEnd(i === 0 ? 22 : 12)).join(''))
  process.stdout.write(`${lines.join('\n')}\n`)
  for (const revision of eras) {
    for (const [check, reason] of Object.entries({ ...losses[revision], ...ofTheHop[revision] }))
      process.stdout.write(`${revision} ${check}: ${reason}\n`)
  }
})
