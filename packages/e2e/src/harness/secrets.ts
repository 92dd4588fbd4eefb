// Looks for secrets in what the services logged: what the client saved, and what a test names.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Planted {
  /** A client's home folder: every token in its files counts. */
  readonly home?: string
  /** User codes, with their dash. Also looked for without it. */
  readonly codes?: readonly string[]
  readonly others?: readonly (string | undefined)[]
}

/** The secrets that the logs contain, cut short: a test expects none. */
export function secretsInLogs(logs: string, { home, codes = [], others = [] }: Planted): string[] {
  const secrets = [
    ...(home ? tokensIn(home) : []),
    ...codes.flatMap((code) => [code, code.replace('-', '')]),
    ...others.filter((secret) => secret !== undefined),
  ]
  if (secrets.length === 0) throw new Error('nothing to look for: the search would prove nothing')
  return secrets.filter((secret) => logs.includes(secret)).map((secret) => `${secret.slice(0, 6)}…`)
}

/** Every string in the JSON files of a folder that can only be a secret: long, and random. */
function tokensIn(folder: string): string[] {
  const files = globSync('**/*', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.flatMap((file) => {
    const text = readFileSync(join(file.parentPath, file.name), 'utf8')
    return [...text.matchAll(/"(?:access_?token|refresh_?token|client_?secret)"\s*:\s*"([^"]+)"/gi)].map(
      ([, token = '']) => token,
    )
  })
}
