// The repl at a real terminal, on two replicas of the MCP server behind one address and one Redis. What a person saw is
// kept in test-output/repl.txt.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { enter, notificationsOn, prompt, type ReplWorld, startReplWorld, upTo } from './harness/repl.ts'
import { secretsInLogs } from './harness/secrets.ts'
import { keys } from './harness/terminal.ts'

const transcript = join(repository, 'test-output', 'repl.txt')

let world: ReplWorld

beforeAll(async () => {
  world = await startReplWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

/** Keeps what a person saw. The session's id is left out: with a token it is a key. */
function keep(screen: string): void {
  mkdirSync(join(repository, 'test-output'), { recursive: true })
  writeFileSync(transcript, `${screen.replaceAll(/session\s+[\w-]{20,}…?/g, 'session …')}\n`)
}

verifies('X15', 'every command at a terminal; a replica dies under a stream, which goes on at the other', async () => {
  await using repl = await world.open()
  expect(repl.screen()).toMatch(/Connected to \S+ \(Gatehouse MCP server [\d.]+\): protocol 2025-11-25, session/)
  await enter(repl, 'help', /connect \[URL\]/, /terminate-session/, /quit +end the session/)
  await enter(repl, 'list-tools', /greet/, /multi-greet/, /start-notification-stream/)
  await enter(repl, 'connect', /You are connected to/)
  await enter(repl, 'call-tool greet {"name":"Ada"}', /Hello, Ada!/)
  await enter(repl, 'greet Grace', /Hello, Grace!/)

  repl.type(`multi-greet Alan${keys.enter}`)
  await repl.says(/Greeting 1 of 3: hello, Alan!/)
  expect(repl.screen(), 'what it says comes while it works').not.toContain('Greeted Alan')
  await repl.says(/Greeting 3 of 3: hello, Alan!/)
  await repl.says(/Greeted Alan 3 times/)
  await prompt(repl)

  await enter(repl, 'list-prompts', /greeting-template/)
  await enter(repl, 'get-prompt greeting-template {"name":"Ada"}', /Ada/)
  await enter(repl, 'list-resources', /greetings\/default/)
  await enter(repl, 'read-resource https://example.com/greetings/default', /Hello/)

  // the tool runs at one replica; from reconnect to its end the stream comes by way of the other, and then again of the first
  world.door.lead(0)
  await enter(repl, 'start-notifications 250 30', /come while you go on/)
  await repl.says(/Notification 2 of 30/)
  await enter(repl, 'greet Barbara', /Hello, Barbara!/)
  await enter(repl, 'disconnect', /The session stays open/)
  await enter(repl, 'greet Ada', /You are not connected/)
  world.door.lead(1)
  await enter(repl, 'reconnect', /Connected to/)
  await repl.says(/Notification 8 of 30/)
  await world.cluster.mcp.replicas[1]?.kill()
  world.door.lead(0)
  await enter(repl, 'wait', /Sent 30 notifications/, /Nothing is under way/)
  expect(notificationsOn(repl, 30), 'none is lost, none comes twice').toEqual(upTo(30))
  expect(world.door.counts[1], 'a part of it came by way of the other replica').toBeGreaterThan(0)

  await enter(repl, 'terminate-session', /The session is ended/)
  await enter(repl, 'terminate-session', /There is no session to end/)
  await enter(repl, 'reconnect', /Connected to/)
  repl.type(`quit${keys.enter}`)
  expect(await repl.exited).toBe(0)
  expect(secretsInLogs(repl.screen(), { home: world.home.path })).toEqual([])
  keep(repl.screen())
  await world.cluster.mcp.replicas[1]?.start()
})

test('Tab completes commands and what the server has; the arrow brings back what was typed in an earlier session', async () => {
  await using first = await world.open()
  for (const [typed, completed, rest, answer] of [
    ['multi', /gatehouse> multi-greet/, 'Ada', /Greeted Ada 3 times/],
    ['call-tool gr', /gatehouse> call-tool greet/, '{"name":"Tab"}', /Hello, Tab!/],
    ['get-prompt gre', /gatehouse> get-prompt greeting-template/, '{"name":"Tab"}', /Tab/],
  ] as const) {
    first.type(`${typed}${keys.tab}`)
    await first.says(completed)
    await enter(first, rest, answer)
  }
  await enter(first, ' greet nobody-is-to-know', /Hello, nobody-is-to-know!/)
  await enter(first, 'greet Ada-from-yesterday', /Hello, Ada-from-yesterday!/)
  first.type(keys.controlD)
  expect(await first.exited).toBe(0)

  await using second = await world.open()
  second.type(keys.up)
  await second.says(/gatehouse> greet Ada-from-yesterday$/)
  await enter(second, '', /Hello, Ada-from-yesterday!/)
  second.type(keys.controlD)
  expect(await second.exited).toBe(0)
  const file = join(world.home.path, 'repl-history')
  expect(readFileSync(file, 'utf8')).not.toContain('nobody-is-to-know')
  expect(statSync(file).mode & 0o777).toBe(0o600)
})
