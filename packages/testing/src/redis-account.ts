// An account of Redis that may do a few things: what the manuals say is enough for a service.
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'

/** Disposing deletes it. */
export interface RedisAccount extends AsyncDisposable {
  readonly username: string
  readonly password: string
  /** The address of Redis, with this account in it. */
  readonly at: (url: string) => string
  /** What its nodes refused it: entries of ACL LOG. */
  readonly refusals: () => Promise<readonly unknown[]>
}

/** `scope`: patterns of keys and channels, as in `~auth:* &auth:*`. `commands`: names and categories. */
export async function createRedisAccount(
  nodes: readonly Redis[],
  scope: string,
  commands: string,
): Promise<RedisAccount> {
  const [username, password] = [`test-${randomUUID()}`, randomUUID()]
  const rules = ['on', `>${password}`, 'resetchannels', ...scope.split(' '), '-@all', ...allowing(commands)]
  for (const node of nodes) await node.acl('SETUSER', username, ...rules)
  return {
    username,
    password,
    at: (address) => Object.assign(new URL(address), { username, password }).href,
    async refusals() {
      const logs = await Promise.all(nodes.map((node) => node.call('ACL', 'LOG') as Promise<unknown[][]>))
      return logs.flat().filter((entry) => entry.includes(username))
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node.acl('DELUSER', username)
    },
  }
}

/** Names of commands, apart by white space, as the rules of an account that allow them. */
export function allowing(commands: string): string[] {
  return commands
    .trim()
    .split(/\s+/)
    .map((command) => `+${command}`)
}
