// Who may do what at the company of examples/company, as a table for people. The README there has the same one, to the letter. This
// file reads it: what is on whose list, and what comes of each call.

/** `yes`: with what an app has that asks for nothing in particular. A scope: with that one besides. `no`: never. */
export const table = `
| what | ada | ben | cleo | dora | emil | nightly-report | archiver |
| --- | --- | --- | --- | --- | --- | --- | --- |
| \`docs/read_*\`, \`docs/list_*\` | yes | yes | yes | yes | yes | yes | yes |
| \`docs/directory_tree\`, \`docs/search_files\`, \`docs/get_file_info\` | yes | yes | yes | yes | yes | yes | yes |
| \`docs/write_file\` \`{"path": "drafts/plan.md"}\` | docs:write | docs:write | docs:write | docs:write | no | no | no |
| \`docs/write_file\` \`{"path": "handbook.md"}\` | docs:write | docs:write | no | docs:write | no | no | no |
| \`docs/write_file\` \`{"path": "drafts/../handbook.md"}\` | docs:write | docs:write | no | docs:write | no | no | no |
| \`docs/edit_file\`, \`docs/create_directory\`, \`docs/move_file\` | docs:write | docs:write | no | docs:write | no | no | no |
| \`notes/read_graph\`, \`notes/search_nodes\`, \`notes/open_nodes\` | yes | yes | yes | yes | yes | yes | yes |
| \`notes/create_*\`, \`notes/add_*\` | notes:write | notes:write | no | notes:write | no | no | notes:write |
| \`notes/delete_*\` | notes:write | notes:write | no | notes:write | no | no | no |
| \`ledger/list_accounts\`, \`ledger/get_account\` | yes | yes | yes | yes | yes | yes | yes |
| \`ledger/transfer\` \`{"amount": 1000}\` | ledger:transfer | no | no | no | no | no | no |
| \`ledger/transfer\` \`{"amount": 1000.01}\` | no | no | no | no | no | no | no |
| \`ledger/transfer\` \`{"amount": -1}\` | no | no | no | no | no | no | no |
| \`ledger/transfer\` \`{"amount": "1000"}\` | no | no | no | no | no | no | no |
| \`ledger/close_account\` | no | no | no | no | no | no | no |
| prompt \`ledger/explain_account\` | yes | yes | yes | yes | yes | yes | yes |
| prompt \`ledger/close_month\` | yes | no | no | no | no | no | no |
| resource \`ledger/ledger://accounts\` | yes | yes | yes | yes | yes | yes | yes |
| resource \`ledger/ledger://accounts/travel\` | yes | yes | yes | yes | yes | yes | yes |
| resource \`ledger/ledger://payroll\` | yes | no | no | no | no | no | no |
| template \`ledger/ledger://accounts/{id}\` | yes | yes | yes | yes | yes | yes | yes |
`.trim()

const kinds = ['tool', 'prompt', 'resource', 'template'] as const
export type Kind = (typeof kinds)[number]

export interface Row {
  readonly kind: Kind
  /** `upstream/name`, in which `*` stands for any characters. */
  readonly globs: readonly string[]
  /** Added to the usual arguments. */
  readonly args: Readonly<Record<string, unknown>>
  /** By caller: `yes`, `no` or the scope that it takes. */
  readonly cells: Readonly<Record<string, string>>
}

/** What an access token has, from one that may look to one that has all. */
export const grades = ['looks', 'usual', 'full'] as const
export type Grade = (typeof grades)[number]

/** `allowed`, `not found`, or the scopes that a 403 names. */
export type Outcome = 'allowed' | 'not found' | readonly string[]

const [head = '', , ...body] = table.split('\n')
export const callers: readonly string[] = cellsOf(head).slice(1)
export const rows: readonly Row[] = body.map(readRow)

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}

function readRow(line: string): Row {
  const [what = '', ...cells] = cellsOf(line)
  const [, word = 'tool', text = ''] = /^(?:(prompt|resource|template) )?(.*)$/.exec(what) ?? []
  const quoted = [...text.matchAll(/`([^`]+)`/g)].map(([, inside = '']) => inside)
  const args = quoted.find((each) => each.startsWith('{')) ?? '{}'
  return {
    kind: kinds.find((kind) => kind === word) ?? 'tool',
    globs: quoted.filter((each) => !each.startsWith('{')),
    args: JSON.parse(args),
    cells: Object.fromEntries(callers.map((caller, at) => [caller, cells[at] ?? ''])),
  }
}

export function matches(row: Row, thing: { readonly kind: Kind; readonly name: string }): boolean {
  return row.kind === thing.kind && row.globs.some((glob) => fits(glob, thing.name))
}

function fits(glob: string, name: string): boolean {
  const [begin = '', end] = glob.split('*')
  return end === undefined ? glob === name : name.startsWith(begin) && name.endsWith(end)
}

export function outcomeOf({ kind, cells }: Row, caller: string, grade: Grade): Outcome {
  const cell = cells[caller] ?? ''
  const basis = kind === 'tool' ? 'mcp:tools:call' : 'mcp:tools:read'
  // who may call nothing hears that of each name, of one that nobody has too
  if (cell === 'no') return kind === 'tool' && grade === 'looks' ? [basis] : 'not found'
  const needed = cell === 'yes' ? [basis] : [basis, cell]
  const had: Record<Grade, readonly string[]> = {
    looks: ['mcp:tools:read'],
    usual: ['mcp:tools:read', 'mcp:tools:call'],
    full: ['mcp:tools:read', ...needed],
  }
  return needed.every((scope) => had[grade].includes(scope)) ? 'allowed' : needed
}

/** Whether it is on the list: if one of its rows may be allowed, with the scopes of the token and `mcp:tools:call`. */
export function isListed(of: readonly Row[], caller: string, grade: Grade): boolean {
  return of.some(({ cells }) => cells[caller] === 'yes' || (grade === 'full' && cells[caller] !== 'no'))
}
