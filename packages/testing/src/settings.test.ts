// Files that list the settings of the services list them all: docs/variables.md, .env.example and the compose file.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const services = ['auth', 'mcp'] as const

/** Compose decides about these itself, or leaves them to those who start a service without it. */
const byCompose = ['DATA_DIR', 'NODE_ENV', 'OTEL_SERVICE_NAME', 'PORT']
const notPassedOn = {
  auth: byCompose,
  // there it asks nobody outside but what its file names, and that by no proxy
  mcp: [...byCompose, 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'],
}

/** Of OpenTelemetry, whose SDK reads them. */
const readByOthers = [
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_TIMEOUT',
  'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
  'OTEL_RESOURCE_ATTRIBUTES',
  'OTEL_SERVICE_NAME',
]

test('docs/variables.md is what the code says', () => {
  expect(() => script('--check')).not.toThrow()
})

test.each(services)(
  'every setting of %s is in .env.example, in docs/variables.md or docs/tracing.md, and in the compose file',
  (service) => {
    const example = read('.env.example')
    const manual = read('docs/variables.md') + read('docs/tracing.md')
    const block = new RegExp(`^  ${service}:\\n((?:    .*\\n|\\n)+)`, 'm').exec(read('docker-compose.yml'))?.[1] ?? ''
    for (const { name, isSecret } of variablesOf(service)) {
      expect(example, `${name} in .env.example`).toMatch(new RegExp(`^#${name}=`, 'm'))
      if (isSecret) expect(example, `${name}_FILE in .env.example`).toMatch(new RegExp(`^#${name}_FILE=`, 'm'))
      expect(manual.includes(`\`${name}\``), `${name} in the manual`).toBe(true)
      const isPassed = new RegExp(`^      ${name}${isSecret ? '(_FILE)?' : ''}:`, 'm').test(block)
      expect(isPassed || notPassedOn[service].includes(name), `${name} in docker-compose.yml`).toBe(true)
    }
  },
)

test('npm start and images begin with the same options of Node.js', () => {
  const option = /\bNODE_OPTIONS(?:=|: ')(--[\w=-]+)/
  const [, ofImages] = option.exec(read('Dockerfile')) ?? []
  expect(ofImages).toBeDefined()
  expect(option.exec(read('scripts/up.mjs'))?.[1]).toBe(ofImages)
})

test.each(services)('every variable that the tables of %s name is read', (service) => {
  const code = [
    `apps/${service}/src`,
    'packages/service/src',
    'packages/service/src/audit',
    'packages/service/src/tracing',
  ]
    .flatMap((folder) => readdirSync(join(root, folder)).map((file) => `${folder}/${file}`))
    .filter((file) => /(?<!\.test|variables)\.ts$/.test(file))
    .map(read)
    .join('\n')
  const others = variablesOf(service).filter(({ name }) => !readByOthers.includes(name))
  for (const { name } of others) expect(code, `${name} in a source file`).toMatch(new RegExp(`['.]${name}\\b`))
})

/** Those of the tables, and those of OpenTelemetry. */
function variablesOf(service: (typeof services)[number]): { readonly name: string; readonly isSecret: boolean }[] {
  const own: { readonly name: string; readonly isSecret: boolean }[] = JSON.parse(script('--json'))[service]
  expect(own.length).toBeGreaterThan(20)
  const tracing = read('packages/service/src/tracing/settings.ts').matchAll(/'(OTEL_[A-Z_]+)'/g)
  const names = new Set([...[...tracing].map(([, name = '']) => name), ...readByOthers])
  expect(names.has('OTEL_TRACES_SAMPLER')).toBe(true)
  return [...own, ...[...names].map((name) => ({ name, isSecret: false }))]
}

function script(option: string): string {
  const args = ['--conditions=gatehouse-source', 'scripts/variables.mjs', option]
  return execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
}
