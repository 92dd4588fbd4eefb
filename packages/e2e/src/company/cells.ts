// Each cell of the table as it is asked: what the servers have, and what a call of it is.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { say } from './callers.ts'
import { callers, type Grade, grades, type Kind, matches, type Row, rows } from './expected.ts'
import type { Company } from './scene.ts'

export const replicas = [0, 1] as const

export interface Thing {
  readonly kind: Kind
  /** As rules name it. */
  readonly name: string
  /** As clients do. */
  readonly shown: string
}

/** What the servers have, by the lock; single resources are not pinned. */
export function thingsOf({ folder }: Pick<Company, 'folder'>): readonly Thing[] {
  const { pins } = JSON.parse(readFileSync(join(folder, 'gatehouse.lock'), 'utf8'))
  const pinned = (pins as { upstream: string; kind: Kind; name: string }[]).map(({ upstream, kind, name }) => ({
    kind,
    name: `${upstream}/${name}`,
    shown: kind === 'template' ? name : `${upstream}__${name}`,
  }))
  const resources = ['ledger://accounts', 'ledger://payroll', 'ledger://accounts/travel']
  return [...pinned, ...resources.map((uri) => ({ kind: 'resource' as const, name: `ledger/${uri}`, shown: uri }))]
}

const path = 'handbook.md'
const entity = { name: 'bolts', entityType: 'product', observations: ['are made of steel'] }
const relation = { from: 'acme', to: 'ladders', relationType: 'makes' }
/** What a call needs to be done by its server, on what the example has. */
const usualArguments: Readonly<Record<string, object>> = {
  'docs/read_file': { path },
  'docs/read_text_file': { path },
  'docs/read_media_file': { path: 'logo.svg' },
  'docs/read_multiple_files': { paths: [path, 'drafts/plan.md'] },
  'docs/list_directory': { path: '.' },
  'docs/list_directory_with_sizes': { path: '.' },
  'docs/directory_tree': { path: '.' },
  'docs/search_files': { path: '.', pattern: '**/*.md' },
  'docs/get_file_info': { path },
  'docs/write_file': { content: 'written in a test' },
  'docs/edit_file': { path, edits: [{ oldText: 'a week', newText: 'a month' }] },
  'docs/create_directory': { path: 'drafts/more' },
  'docs/move_file': { source: 'drafts/plan.md', destination: 'drafts/moved.md' },
  'notes/create_entities': { entities: [entity] },
  'notes/create_relations': { relations: [{ ...relation, relationType: 'sells' }] },
  'notes/add_observations': { observations: [{ entityName: 'acme', contents: ['is written of in a test'] }] },
  'notes/delete_entities': { entityNames: ['ladders'] },
  'notes/delete_observations': { deletions: [{ entityName: 'acme', observations: ['sells ladders'] }] },
  'notes/delete_relations': { relations: [relation] },
  'notes/search_nodes': { query: 'acme' },
  'notes/open_nodes': { names: ['acme'] },
  'ledger/get_account': { id: 'travel' },
  'ledger/transfer': { from: 'operations', to: 'travel', memo: 'a trip' },
  'ledger/close_account': { id: 'travel' },
  'ledger/explain_account': { id: 'travel' },
}

export function requestFor(
  { kind, name, shown }: Thing,
  args: object,
): { readonly method: string; readonly params: object } {
  if (kind === 'resource') return { method: 'resources/read', params: { uri: shown } }
  const method = kind === 'prompt' ? 'prompts/get' : 'tools/call'
  return { method, params: { name: shown, arguments: { ...usualArguments[name], ...args } } }
}

export interface Cell {
  readonly row: Row
  readonly thing: Thing
  readonly caller: string
  readonly grade: Grade
  readonly replica: number
}

export function* cellsOfCalls(company: Company): Generator<Cell> {
  for (const row of rows)
    for (const thing of thingsOf(company))
      if (row.kind !== 'template' && matches(row, thing))
        for (const caller of callers)
          for (const grade of grades) for (const replica of replicas) yield { row, thing, caller, grade, replica }
}

/** What came of a call, in the words of the table; else as it came. */
export function outcomeIn({ status, challenge, message, text }: Awaited<ReturnType<typeof say>>): unknown {
  if (status === 403) return /error="insufficient_scope".*scope="([^"]+)"/.exec(challenge)?.[1]?.split(' ')
  if (status !== 200) return `${status} ${text}`
  if (/not found/i.test(message.error?.message)) return 'not found'
  return message.result && message.result.isError !== true ? 'allowed' : text
}
