// The repl at a terminal, signed in, on two replicas of the MCP server behind one address and one Redis.
import { type ClientHome, createClientHome, createPerson, promptOf } from '@gatehouse/testing'
import { expect } from 'vitest'
import { type Cluster, startCluster } from '../replicas/cluster.ts'
import { type Door, openDoor } from './door.ts'
import { secretsInLogs } from './secrets.ts'
import { keys, startTerminal, type TerminalSession } from './terminal.ts'

export interface ReplWorld extends AsyncDisposable {
  readonly cluster: Cluster
  /** In front of the replicas of the MCP server. */
  readonly door: Door
  readonly home: ClientHome
  /** Starts a repl, and waits until the first command can be typed. */
  readonly open: () => Promise<TerminalSession>
}

/** The sign-in is for all scopes. Disposing also looks for its tokens in the logs. */
export async function startReplWorld(): Promise<ReplWorld> {
  const cluster = await startCluster({ auth: 1, mcp: 2 })
  const portOf = (url: string) => Number(new URL(url).port)
  await cluster.mcp.door[Symbol.asyncDispose]()
  const targets = cluster.mcp.replicas.map(({ url }) => portOf(url))
  const door = await openDoor(portOf(cluster.resource), targets)
  const home = createClientHome(cluster)
  await using login = home.run('login', '--scope', 'mcp:tools:read mcp:tools:call mcp:tools:notify')
  const { code } = await promptOf(login)
  const ada = createPerson(cluster)
  await ada.enterCode(code)
  await ada.logIn()
  await ada.approve()
  expect((await login.exited).code, login.output()).toBe(0)
  return {
    cluster,
    door,
    home,
    async open() {
      const args = ['packages/cli/src/main.ts', 'repl', '--url', cluster.resource]
      const repl = startTerminal(args, { GATEHOUSE_HOME: home.path })
      await prompt(repl)
      return repl
    },
    async [Symbol.asyncDispose]() {
      const found = secretsInLogs(cluster.logs(), { home: home.path })
      home[Symbol.dispose]()
      await door[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
      expect(found).toEqual([])
    },
  }
}

/** Waits until the next command can be typed. */
export const prompt = (repl: TerminalSession) => repl.says(/(?=gatehouse>$)/)

/** Types a command, waits for what it shows, and for the next prompt. */
export async function enter(repl: TerminalSession, line: string, ...shows: readonly RegExp[]): Promise<void> {
  repl.type(`${line}${keys.enter}`)
  for (const pattern of shows) await repl.says(pattern)
  await prompt(repl)
}

/** The numbers of the notifications on the screen, of a stream of `count`. */
export const notificationsOn = (repl: TerminalSession, count: number) =>
  [...repl.screen().matchAll(new RegExp(`· Notification (\\d+) of ${count}$`, 'gm'))].map(([, at]) => Number(at))

export const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
