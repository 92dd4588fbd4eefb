// Makes `package/`, the folder that is packed: the command with all that is ours inside, and a manifest that names public
// packages only. `tsc -b` has run before.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { build } from 'vite'

const own = import.meta.dirname
const root = join(own, '..', '..')
const out = join(own, 'package')
const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

const ours = new Map(
  ['apps', 'packages'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => {
      const manifest = manifestOf(join(root, parent, name))
      return [manifest.name, manifest]
    }),
  ),
)
const { name, version, description, license, repository, type, bin } = ours.get('@gatehouse/cli')
const dependencies = publicDependencies()

rmSync(out, { recursive: true, force: true })
mkdirSync(out)
await build({
  root: own,
  configFile: false,
  logLevel: 'warn',
  ssr: { noExternal: [...ours.keys()] },
  build: {
    ssr: true,
    outDir: join(out, 'lib'),
    target: 'node24',
    minify: false,
    rolldownOptions: {
      input: {
        main: join(own, 'dist', 'main.js'),
        // a process of its own, which is looked for beside the code that starts it
        guard: join(root, 'apps/mcp/dist/gateway/upstreams/stdio/guard.js'),
      },
      external: (id) => !/^(@gatehouse\/|[./])/.test(id),
      output: { chunkFileNames: '[name].js', entryFileNames: '[name].js' },
    },
  },
})
checkImports()
for (const file of ['bin', 'README.md']) cpSync(join(own, file), join(out, file), { recursive: true })
cpSync(join(root, 'LICENSE'), join(out, 'LICENSE'))
const manifest = { name, version, description, license, repository, type, bin, engines: { node: '>=20' }, dependencies }
writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)

/** What our packages need of others, at the versions of the catalog. */
function publicDependencies() {
  const catalog = readCatalog()
  const found = {}
  const seen = new Set()
  const visit = (one) => {
    if (seen.has(one)) return
    seen.add(one)
    for (const [dependency, range] of Object.entries(ours.get(one).dependencies ?? {})) {
      if (ours.has(dependency)) visit(dependency)
      // the command makes no traces: see docs/tracing.md
      else if (!dependency.startsWith('@opentelemetry/'))
        found[dependency] = range === 'catalog:' ? catalog[dependency] : range
    }
  }
  visit('@gatehouse/cli')
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The workspace file's `catalog`: one `name: version` a line. */
function readCatalog() {
  const [, block = ''] =
    /^catalog:\n((?: {2}.*\n)+)/m.exec(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8')) ?? []
  return Object.fromEntries([...block.matchAll(/^ {2}"?([^":]+)"?: (\S+)$/gm)].map(([, key, value]) => [key, value]))
}

/** Whatever is imported has to be Node's, in the package, or in its manifest. */
function checkImports() {
  for (const file of readdirSync(join(out, 'lib'))) {
    const code = readFileSync(join(out, 'lib', file), 'utf8')
    for (const [, specifier] of code.matchAll(
      /^(?:import|export)\b[^'"\n]*?(?:from )?["']([^"'\n]+)["']|\bimport\(["']([^"']+)["']\)/gm,
    )) {
      const [scope = '', inner] = (specifier ?? '').split('/')
      const packageName = scope.startsWith('@') ? `${scope}/${inner}` : scope
      const isKnown = /^(\.|node:)/.test(scope) || builtinModules.includes(scope) || packageName in dependencies
      if (specifier && !isKnown) throw new Error(`${file} imports ${specifier}, which no manifest of ours names`)
    }
  }
}
