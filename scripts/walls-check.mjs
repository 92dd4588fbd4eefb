// The walls between folders hold: biome.walls.json is what walls.mjs makes, and one forbidden import planted for each row
// is found, with the row's reason, while all that the row allows is not. `--write` makes the file again.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runChild } from './child.mjs'
import { biomeWalls, walls } from './walls.mjs'

const root = join(import.meta.dirname, '..')
const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
const made = join(root, 'biome.walls.json')
const FORBIDDEN = 'somebody-elses-package'

if (process.argv[2] === '--write') {
  writeFileSync(made, biomeWalls())
  await runChild(process.execPath, [biome, 'format', '--write', made], { cwd: root, stdio: 'inherit' })
} else {
  const faults = [...staleness(), ...(await holes())]
  for (const fault of faults) console.error(fault)
  console.log(`${walls.length} walls, ${faults.length} faults`)
  process.exit(faults.length === 0 ? 0 : 1)
}

function staleness() {
  const isSame = JSON.stringify(JSON.parse(readFileSync(made, 'utf8'))) === JSON.stringify(JSON.parse(biomeWalls()))
  return isSame ? [] : ['biome.walls.json is not what walls.mjs makes: run node scripts/walls-check.mjs --write']
}

/** One run of Biome over a folder that has nothing but planted files. */
async function holes() {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-walls-'))
  try {
    writeFileSync(
      join(folder, 'biome.json'),
      readFileSync(join(root, 'biome.json'), 'utf8')
        .replace('"useIgnoreFile": true', '"useIgnoreFile": false')
        .replace('"enabled": true', '"enabled": false'),
    )
    writeFileSync(join(folder, 'biome.walls.json'), biomeWalls())
    for (const wall of walls) plant(folder, wall)
    const args = [biome, 'lint', '--only=style/noRestrictedImports', '--reporter=json', '--max-diagnostics=none', '.']
    const { output } = await runChild(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
    const { diagnostics } = JSON.parse(output.slice(output.indexOf('{')))
    return walls.flatMap((wall) => judge(wall, diagnostics))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Allowed imports first, one a line; the forbidden one comes last. */
function plant(folder, { files, may }) {
  const path = join(folder, placeFor(files))
  mkdirSync(dirname(path), { recursive: true })
  const imports = [...may.map((name) => name.replaceAll('**', 'planted/file.ts').replaceAll('*', 'planted')), FORBIDDEN]
  writeFileSync(path, imports.map((name) => `import '${name}'\n`).join(''))
}

/** A file that matches the glob, and no later one by accident. */
function placeFor(files) {
  const one = files.replace(/\{([^,}]*)[^}]*\}/, '$1')
  return one.endsWith('.ts')
    ? one.replace('*.ts', 'planted.ts')
    : one.replace('/*/', '/planted/').replace('/**', '/planted.ts').replace(/\*$/, '-planted.ts')
}

function judge({ files, why }, diagnostics) {
  const place = placeFor(files)
  const found = diagnostics.filter(
    ({ location }) => location.path.endsWith(place) || location.path?.file?.endsWith(place),
  )
  if (found.length === 1 && JSON.stringify(found[0]).includes(JSON.stringify(why).slice(1, -1))) return []
  return [`${files}: ${found.length} faults were found in ${place} where there is one, for the reason "${why}"`]
}
