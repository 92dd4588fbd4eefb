import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { type AuditInFile, readAuditSettings } from './settings.ts'

function read(env: Record<string, string>, file?: AuditInFile) {
  const faults: string[] = []
  return { settings: readAuditSettings(env, { file, folder: '/etc/gatehouse' }, faults), faults }
}
const inFile: AuditInFile = { to: { file: 'audit.jsonl' }, arguments: 'values', redact: ['IBAN'], chain: true }

test('without a word of it there is no audit', () => {
  for (const env of [{}, { AUDIT_TO: '' }, { AUDIT_TO: 'off' }, { AUDIT_ARGUMENTS: 'values' }])
    expect(read(env)).toEqual({ settings: undefined, faults: [] })
})

test('variables name one of three places, and what is said of arguments', () => {
  const rest = { arguments: 'names', redact: [], chain: false }
  expect(read({ AUDIT_TO: 'stdout' }).settings).toEqual({ to: { kind: 'stdout' }, ...rest })
  expect(read({ AUDIT_TO: '/var/log/a.jsonl' }).settings?.to).toEqual({ kind: 'file', path: '/var/log/a.jsonl' })
  expect(read({ AUDIT_TO: 'logs/a.jsonl' }).settings?.to).toEqual({ kind: 'file', path: resolve('logs/a.jsonl') })
  const collector = { AUDIT_TO: 'https://logs.example/in', AUDIT_AUTHORIZATION: 'Bearer hunter2' }
  expect(read({ ...collector, AUDIT_ARGUMENTS: 'none', AUDIT_REDACT: 'Iban, customer_*', AUDIT_CHAIN: 'on' })).toEqual({
    settings: {
      to: { kind: 'url', url: 'https://logs.example/in', authorization: 'Bearer hunter2' },
      arguments: 'none',
      redact: ['iban', 'customer_*'],
      chain: true,
    },
    faults: [],
  })
})

test('what the file says counts, with paths from its folder and the header from a variable; both are a fault', () => {
  const env = { AUDIT_AUTHORIZATION: 'Bearer hunter2' }
  expect(read(env, inFile)).toEqual({
    settings: {
      to: { kind: 'file', path: '/etc/gatehouse/audit.jsonl' },
      arguments: 'values',
      redact: ['iban'],
      chain: true,
    },
    faults: [],
  })
  const url = 'https://logs.example/in'
  expect(read(env, { ...inFile, to: { url } }).settings?.to).toMatchObject({ url, authorization: 'Bearer hunter2' })
  expect(read({ AUDIT_TO: 'stdout', AUDIT_CHAIN: 'on' }, inFile).faults).toEqual([
    'AUDIT_TO is set, and GATEHOUSE_CONFIG has audit: take one away.',
    'AUDIT_CHAIN is set, and GATEHOUSE_CONFIG has audit: take one away.',
  ])
})

test('every fault is told, and no secret with it', () => {
  const { faults } = read({
    AUDIT_TO: 'ftp://ada:hunter2@logs.example/',
    AUDIT_ARGUMENTS: 'all',
    AUDIT_CHAIN: 'true',
    AUDIT_AUTHORIZATION: 'Bearer hunter2\nX: 1',
  })
  expect(faults).toEqual([
    'AUDIT_AUTHORIZATION must be one line of ASCII.',
    'AUDIT_ARGUMENTS must be one of none, names, values.',
    'AUDIT_CHAIN must be one of on, off.',
    'AUDIT_TO must be off, stdout, a path, or an http or https URL without a user name.',
  ])
  expect(read({ AUDIT_TO: 'https://ada:hunter2@logs.example/' }).faults).toHaveLength(1)
})
