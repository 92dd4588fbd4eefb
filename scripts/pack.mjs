// Packs what is published: node scripts/pack.mjs FOLDER [REPOSITORY]. The address of the repository goes into the packed
// manifests, where npm compares it with the one that it is published from.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runChild } from './child.mjs'

const root = join(import.meta.dirname, '..')
const [folder, repository] = process.argv.slice(2)
if (!folder) {
  console.error('usage: node scripts/pack.mjs FOLDER [REPOSITORY]')
  process.exit(2)
}
mkdirSync(folder, { recursive: true })
const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const pnpm = (...args) =>
  runChild('npm', ['exec', '--yes', `--package=${packageManager}`, '--', 'pnpm', ...args], {
    cwd: root,
    stdio: 'inherit',
  })

await must(pnpm('install', '--frozen-lockfile'))
for (const name of readdirSync(join(root, 'packages'))) {
  const file = join(root, 'packages', name, 'package.json')
  const text = readFileSync(file, 'utf8')
  const manifest = JSON.parse(text)
  if (manifest.private) continue
  try {
    if (repository) {
      manifest.repository = { type: 'git', url: `git+${repository}.git`, directory: `packages/${name}` }
      writeFileSync(file, JSON.stringify(manifest, null, 2))
    }
    await must(pnpm('--filter', manifest.name, 'exec', 'tsc', '-b'))
    await must(pnpm('--filter', manifest.name, 'pack', '--pack-destination', resolve(folder)))
  } finally {
    writeFileSync(file, text)
  }
}

async function must(running) {
  const { code } = await running
  if (code !== 0) throw new Error(`a command ended with code ${code}; its messages are above`)
}
