// Files that list the settings of the services list them all: .env.example, docs/operations.md and the compose file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const services = ['auth', 'mcp'] as const

/** Compose decides about these itself, or leaves them to those who start a service without it. */
const notPassedOn = ['DATA_DIR', 'NODE_ENV', 'OTEL_SERVICE_NAME', 'PORT']
/** The system's, which commands behind the gateway get, too: nobody sets them for us. */
const notSettings = ['LANG', 'PATH']

/** Of OpenTelemetry, whose SDK reads them. */
const readByOthers = [
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_TIMEOUT',
  'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
  'OTEL_RESOURCE_ATTRIBUTES',
  'OTEL_SERVICE_NAME',
]

test.each(services)(
  'every setting of %s is in .env.example, in docs/operations.md or docs/tracing.md, and in the compose file',
  (service) => {
    const example = read('.env.example')
    const manual = read('docs/operations.md') + read('docs/tracing.md')
    const block = new RegExp(`^  ${service}:\\n((?:    .*\\n|\\n)+)`, 'm').exec(read('docker-compose.yml'))?.[1] ?? ''
    for (const { name, isSecret } of variablesOf(service)) {
      expect(example, `${name} in .env.example`).toMatch(new RegExp(`^#${name}=`, 'm'))
      if (isSecret) expect(example, `${name}_FILE in .env.example`).toMatch(new RegExp(`^#${name}_FILE=`, 'm'))
      expect(manual.includes(`\`${name}\``), `${name} in docs/operations.md`).toBe(true)
      const isPassed = new RegExp(`^      ${name}${isSecret ? '(_FILE)?' : ''}:`, 'm').test(block)
      expect(isPassed || notPassedOn.includes(name), `${name} in docker-compose.yml`).toBe(true)
    }
  },
)

test('the lifetimes in docs/operations.md are those of the code', () => {
  const manual = read('docs/operations.md')
  const number = (text: string) =>
    text.split('*').reduce((product, each) => product * Number(each.replaceAll('_', '').replace('DAY', '86400')), 1)
  // `name: seconds(least, most, default)`, against the table of the manual
  const lifetimes = [...read('apps/auth/src/config.ts').matchAll(/^ {2}(\w+): seconds\((.*)\),$/gm)]
  expect(lifetimes.length).toBeGreaterThan(5)
  for (const [, name, bounds = ''] of lifetimes) {
    const [least, most, standard] = bounds.split(',').map(number)
    expect(manual, `${name} in docs/operations.md`).toContain(`| \`${name}\` | ${standard} | ${least} to ${most} |`)
  }
})

/** The names in a config.ts, and in what both have in common: env.NAME, or a string in capitals that a reader gets, or `text` or `secret` of a login. */
function variablesOf(service: (typeof services)[number]): { readonly name: string; readonly isSecret: boolean }[] {
  const names = /\benv\.([A-Z][A-Z_]+)|(?:\bread\w*(?:\.(\w+))?|\b(text|secret))\(\s*'([A-Z][A-Z_]+)'/g
  const found = new Map<string, boolean>()
  for (const file of [`apps/${service}/src/config.ts`, 'packages/service/src/audit/settings.ts'])
    for (const [, direct, reader, kind, named] of read(file).matchAll(names))
      found.set(direct ?? named ?? '', (reader ?? kind) === 'secret')
  for (const [, name = ''] of read('packages/service/src/tracing/settings.ts').matchAll(/'(OTEL_[A-Z_]+)'/g))
    found.set(name, false)
  for (const name of readByOthers) found.set(name, false)
  expect(found.has('OTEL_TRACES_SAMPLER')).toBe(true)
  expect(found.size, `variables in apps/${service}/src/config.ts`).toBeGreaterThan(5)
  return [...found].filter(([name]) => !notSettings.includes(name)).map(([name, isSecret]) => ({ name, isSecret }))
}
