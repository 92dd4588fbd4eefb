// Where audit lines go and what they say of arguments: from the gateway's file or from variables, the same in both services.
import { resolve } from 'node:path'
import type { Environment } from '@gatehouse/shared'
import { createSettingsReader } from '../settings.ts'
import { serviceVariables } from '../variables.ts'

export type AuditPlace =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string }
  /** Secret: the header. */
  | { readonly kind: 'url'; readonly url: string; readonly authorization?: string | undefined }

export const argumentsShown = serviceVariables.AUDIT_ARGUMENTS.values

export interface AuditSettings {
  readonly to: AuditPlace
  readonly arguments: (typeof argumentsShown)[number]
  /** Names of arguments whose values are left out, besides those that look like secrets. Globs, in lower case. */
  readonly redact: readonly string[]
  /** Whether each line has a digest of the one before it. */
  readonly chain: boolean
}

/** As the gateway's file has it. */
export interface AuditInFile {
  readonly to: 'stdout' | { readonly file: string } | { readonly url: string }
  readonly arguments: AuditSettings['arguments']
  readonly redact: readonly string[]
  readonly chain: boolean
}

const variables = ['AUDIT_TO', 'AUDIT_ARGUMENTS', 'AUDIT_REDACT', 'AUDIT_CHAIN'] as const

/** Undefined: nothing is written. `folder`: of the file, whose paths are relative to it. */
export function readAuditSettings(
  env: Environment,
  { file, folder }: { readonly file: AuditInFile | undefined; readonly folder: string },
  faults: string[],
): AuditSettings | undefined {
  const read = createSettingsReader(env, faults, serviceVariables)
  const authorization = read.secret('AUDIT_AUTHORIZATION')
  if (authorization !== undefined && !/^[\x20-\x7E]+$/.test(authorization))
    faults.push('AUDIT_AUTHORIZATION must be one line of ASCII.')
  if (file) {
    for (const name of variables)
      if (read.given(name)) faults.push(`${name} is set, and GATEHOUSE_CONFIG has audit: take one away.`)
    const redact = file.redact.map((name) => name.toLowerCase())
    return { ...file, redact, to: placeInFile(file.to, folder, authorization) }
  }
  const settings = {
    arguments: read.oneOf('AUDIT_ARGUMENTS'),
    redact: read.list('AUDIT_REDACT'),
    chain: read.oneOf('AUDIT_CHAIN') === 'on',
  }
  const to = read.given('AUDIT_TO')
  return !to || to === 'off' ? undefined : { ...settings, to: placeIn(to, authorization, faults) }
}

function placeInFile(to: AuditInFile['to'], folder: string, authorization: string | undefined): AuditPlace {
  if (to === 'stdout') return { kind: 'stdout' }
  return 'file' in to ? { kind: 'file', path: resolve(folder, to.file) } : { kind: 'url', url: to.url, authorization }
}

function placeIn(to: string, authorization: string | undefined, faults: string[]): AuditPlace {
  if (to === 'stdout') return { kind: 'stdout' }
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(to)) return { kind: 'file', path: resolve(to) }
  const url = URL.parse(to)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password)
    faults.push('AUDIT_TO must be off, stdout, a path, or an http or https URL without a user name.')
  return { kind: 'url', url: to, authorization }
}
