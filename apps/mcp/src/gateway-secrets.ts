// Secrets of the gateway's file. They are read at each use, so that a file that is replaced counts at once.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expand, type TextSource } from '@gatehouse/shared/gateway-file'
import { readClientKey } from './gateway/credentials/private-key.ts'
import type { ReadSecret } from './gateway/settings.ts'

/** What a secret is for, and so which characters may be in it. */
export type SecretUse = 'header' | 'variable' | 'pem' | 'private-key'

interface Terms {
  readonly characters: RegExp
  readonly fault: string
  /** Throws an Error that says what is wrong, and shows nothing. */
  readonly check?: (text: string) => unknown
}

const terms: Readonly<Record<SecretUse, Terms>> = {
  header: {
    characters: /[^\t\x20-\x7e\x80-\xff]/,
    fault: 'has a character that no header can have, such as a line break',
  },
  variable: { characters: /\0/, fault: 'has a NUL in it' },
  pem: { characters: /\0/, fault: 'is not PEM' },
  'private-key': { characters: /\0/, fault: 'is no private key', check: readClientKey },
}

export interface SecretPlaces {
  readonly variable: (name: string) => string | undefined
  /** Paths are relative to it. */
  readonly folder: string
}

/** The reader throws an Error that names the variable or the path, never what is in it. */
export function secretReader(source: TextSource, use: SecretUse, places: SecretPlaces): ReadSecret {
  const { characters, fault, check } = terms[use]
  function readSecret(): string {
    const text = read(source, places)
    if (characters.test(text)) throw new Error(`${shown(source)} ${fault}`)
    try {
      check?.(text)
    } catch (error) {
      throw new Error(`${shown(source)} ${(error as Error).message}`)
    }
    return text
  }
  return Object.assign(readSecret, { from: from(source, places) })
}

/** The file that a secret is in, if it is in one. */
export function secretFile(source: TextSource, { folder }: Pick<SecretPlaces, 'folder'>): string | undefined {
  return source.kind === 'file' ? resolve(folder, source.path) : undefined
}

function from(source: TextSource, places: SecretPlaces): string {
  if (source.kind === 'env') return `env ${source.name}`
  return source.kind === 'template' ? source.text : (secretFile(source, places) ?? source.kind)
}

function read(source: TextSource, { variable, folder }: SecretPlaces): string {
  if (source.kind === 'plain') return source.text
  if (source.kind === 'file') return readFile(source.path, folder)
  if (source.kind === 'env') {
    const value = variable(source.name)
    if (!value) throw new Error(`${source.name} is not set: set it in the environment`)
    return value
  }
  const expanded = expand(source.text, variable)
  if ('fault' in expanded) throw new Error(expanded.fault)
  return expanded.text
}

function readFile(path: string, folder: string): string {
  let content: string
  try {
    content = readFileSync(resolve(folder, path), 'utf8').trim()
  } catch (error) {
    throw new Error(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  if (content === '') throw new Error(`${path} is empty`)
  return content
}

function shown(source: TextSource): string {
  if (source.kind === 'env') return source.name
  return source.kind === 'file' ? source.path : 'the text'
}
