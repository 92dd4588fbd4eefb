// What an agent was told to do, what it printed, and what went over the wire meanwhile: kept in test-output/agents. A
// secret stands as the beginning of its hash, so that one can see which token came of which.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '@gatehouse/testing'
import type { Exchange } from '../harness/recorder.ts'

const secretMembers = ['access_token', 'refresh_token', 'id_token', 'code', 'code_verifier', 'client_secret']

export interface Transcript {
  readonly add: (text: string) => void
  readonly passed: (exchange: Exchange) => void
  /** Codes and tokens that passed. */
  readonly secrets: () => readonly string[]
  /** Writes it to a file, and begins the next. */
  readonly keep: (name: string) => void
}

export function createTranscript(): Transcript {
  const lines: string[] = []
  const secrets = new Set<string>()

  function find(fields: URLSearchParams | Readonly<Record<string, unknown>>): void {
    const entries = fields instanceof URLSearchParams ? [...fields] : Object.entries(fields)
    for (const [name, value] of entries)
      if (secretMembers.includes(name) && typeof value === 'string') secrets.add(value)
  }
  const hidden = (text: string) =>
    [...secrets].reduce(
      (rest, secret) => rest.replaceAll(secret, `#${hash(secret)}`).replaceAll(inForm(secret), `#${hash(secret)}`),
      text,
    )

  return {
    add: (text) => void lines.push(text),
    passed: ({ method, path, query, sent, status, body }) => {
      const isToken = path === '/token'
      if (isToken) find(new URLSearchParams(sent.body))
      const answer = isToken ? parsed(body) : undefined
      if (answer) find(answer)
      const shown = {
        '/token': `${sent.body} -> ${body}`,
        '/register': `${sent.body} -> ${body}`,
        '/authorize': String(query),
        '/mcp': `${parsed(sent.body)?.method ?? ''}${sent.headers['last-event-id'] ? 'goes on with a stream' : ''}`,
      }[path]
      const agent = path === '/register' || path === '/token' ? `[${sent.headers['user-agent']}] ` : ''
      lines.push(`    ${method} ${path} ${status} ${agent}${shown ?? ''}`.trimEnd())
    },
    secrets: () => [...secrets],
    keep: (name) => {
      const folder = join(repository, 'test-output', 'agents')
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, `${name}.txt`), `${hidden(lines.splice(0).join('\n'))}\n`)
    },
  }
}

/** As the body of a form has it. */
function inForm(value: string): string {
  return String(new URLSearchParams({ value })).slice('value='.length)
}

function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 8)
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}
