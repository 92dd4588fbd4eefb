// `npm run changeset`: describes a change for those who use Gatehouse. `npm run changeset -- version` turns what was described
// into the next version, which is the same for all packages, and into its section of the one CHANGELOG.md.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runChild } from './child.mjs'

const root = join(import.meta.dirname, '..')
const changelog = join(root, 'CHANGELOG.md')
const plan = join(root, '.changeset', 'plan.json')

const args = process.argv.slice(2)
if (args[0] !== 'version') process.exit(await changeset(args))

try {
  if ((await changeset(['status', `--output=${plan}`])) !== 0) process.exit(1)
  const { changesets, releases } = JSON.parse(readFileSync(plan, 'utf8'))
  const code = await changeset(args)
  if (code === 0 && changesets.length > 0) prepend(section(releases[0].newVersion, changesets))
  process.exitCode = code
} finally {
  if (existsSync(plan)) rmSync(plan)
}

async function changeset(rest) {
  const bin = join(root, 'node_modules/@changesets/cli/bin.js')
  return (await runChild(process.execPath, [bin, ...rest], { cwd: root, stdio: 'inherit' })).code
}

/** The changes that ask most of their readers come first. */
function section(version, changesets) {
  const ranks = ['major', 'minor', 'patch']
  const rankOf = ({ releases }) => Math.min(...releases.map(({ type }) => ranks.indexOf(type)))
  const lines = changesets
    .toSorted((one, other) => rankOf(one) - rankOf(other))
    .map(({ summary, releases }) => {
      const packages = releases.map(({ name }) => name.replace('@gatehouse/', '')).join(', ')
      return `- **${packages}** (${ranks[rankOf({ releases })]}): ${summary.trim().replaceAll('\n', '\n  ')}`
    })
  return `## ${version}\n\n${lines.join('\n')}\n\n`
}

/** Above the newest version that is there. */
function prepend(text) {
  const before = readFileSync(changelog, 'utf8')
  const at = before.search(/^## /m)
  writeFileSync(changelog, at < 0 ? `${before}\n${text}` : before.slice(0, at) + text + before.slice(at))
}
