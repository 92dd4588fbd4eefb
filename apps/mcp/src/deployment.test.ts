// What the files of the deployment give to this service, and what they keep from it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'

const read = (path: string) => readFileSync(join(import.meta.dirname, '../../..', path), 'utf8')

/** A service of the compose file, as it stands there. */
function serviceOf(compose: string, name: string): string {
  const [, block] = new RegExp(`^  ${name}:\\n((?: {4}.*\\n|\\n| *#.*\\n)+)`, 'm').exec(compose) ?? []
  if (block === undefined) throw new Error(`the compose file has no service ${name}`)
  return block
}

verifies('N6', 'compose gives the secret of the authorization server to that server alone', () => {
  const compose = read('docker-compose.yml')
  const [auth, mcp] = [serviceOf(compose, 'auth'), serviceOf(compose, 'mcp')]
  expect(auth).toContain('AUTH_SECRET_FILE:')
  expect(auth).toContain('auth-secrets:/run/gatehouse:ro')
  expect(mcp).toContain('mcp-secrets:/run/gatehouse:ro')
  expect(mcp).not.toMatch(/AUTH_SECRET|auth-secrets|env_file/)
  expect(auth).not.toContain('mcp-secrets')
})

verifies('N6', 'in Redis each service is a user with its own password, for its own keys and channels', () => {
  const users = read('deploy/secrets.sh').match(/^user .+$/gm) ?? []
  const rulesOf = (name: string) => users.find((user) => user.startsWith(`user ${name} `)) ?? ''
  // the operator's listings: names of all keys, which are digests, and no values
  expect(rulesOf('auth')).toMatch(
    / #\$\(digest "\$\(password_in "\$auth\/redis-url"\)"\) \$service_rules \+scan ~auth:\* &auth:\*$/,
  )
  expect(rulesOf('mcp')).toMatch(
    / #\$\(digest "\$\(password_in "\$mcp\/redis-url"\)"\) \$service_rules ~mcp:\* &mcp:\*$/,
  )
  expect(rulesOf('default'), 'reset means off').toMatch(/^user default reset /)
  expect(rulesOf('default')).not.toMatch(/ on | nopass/)
  expect(users.filter((user) => /~\*/.test(user)).map((user) => user.split(' ')[1])).toEqual(['default', 'operator'])
  const [rules = ''] = read('deploy/secrets.sh').match(/^service_rules=.+$/m) ?? []
  for (const rule of ['resetkeys', 'resetchannels', '-@admin', '-@dangerous']) expect(rules).toContain(rule)
})
