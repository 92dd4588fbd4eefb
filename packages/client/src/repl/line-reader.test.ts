// At a terminal: keys in, the screen out.
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startReplWorld } from '../harness/repl-world.ts'
import { complete } from './completion.ts'
import { replCommands } from './index.ts'

const keys = { up: '\u001b[A', left: '\u001b[D', tab: '\t', enter: '\r', controlC: '\u0003', controlD: '\u0004' }
const ready = /gatehouse> /

/** A repl at a terminal that waits for its first command. */
async function startTyping(options: { columns?: number } = {}) {
  const world = await startReplWorld()
  const repl = world.start({ columns: 80, ...options })
  await repl.says(ready)
  await world.service.listening
  return { ...world, repl }
}

test('what is typed stays when a notification comes, with the cursor where it was', async () => {
  await using world = await startTyping()
  const { repl, service } = world
  repl.type(`gret${keys.left}`)
  await repl.says(/gret/)
  await service.announce('something happened')
  await repl.says(/· something happened\n.*gatehouse> gret/s)
  repl.type(`e${keys.enter}`)
  await repl.says(/Hello, world!/)
  repl.type(keys.controlD)
  expect(await repl.ended).toBe(0)
})

test('a line that is longer than the terminal is wide stays whole too', async () => {
  await using world = await startTyping({ columns: 30 })
  const { repl, service } = world
  const name = 'a'.repeat(70)
  repl.type(`greet ${name}`)
  await repl.says(/a{70}|a{14,}$/)
  await service.announce('something happened')
  await repl.says(/· something happened\n\n\n/) // as many rows as the line has above its last
  repl.type(keys.enter)
  await repl.says(new RegExp(`Hello, ${name}!`))
  repl.type(keys.controlD)
  expect(await repl.ended).toBe(0)
})

test('Tab completes commands, and the names that the server has', async () => {
  await using world = await startTyping()
  const { repl } = world
  for (const [typed, completed, rest, answer] of [
    ['multi', /multi-greet /, 'Ada', /Good morning, Ada!/],
    ['call-tool mul', /multi-greet /, '{"name":"Grace"}', /Good morning, Grace!/],
    ['get-prompt gr', /greeting-template /, '{"name":"Ada"}', /user: Greet Ada/],
    ['read-resource ', /greeting:\/\/resource /, '', /Hello from the resource/],
  ] as const) {
    repl.type(`${typed}${keys.tab}`)
    await repl.says(completed)
    repl.type(`${rest}${keys.enter}`)
    await repl.says(answer)
    await repl.says(ready)
  }
  repl.type(keys.controlD)
  expect(await repl.ended).toBe(0)
})

test('a name that is not one plain word is not completed, and nothing after the name is', async () => {
  const names = async () => ['fine', 'fi ne', 'fi\u001b[2J', 'other']
  expect(await complete('call-tool fi', replCommands, names)).toEqual({ found: ['fine '], part: 'fi' })
  expect(await complete('call-tool fine {', replCommands, names)).toEqual({ found: [], part: 'fine {' })
  expect(await complete('greet f', replCommands, names)).toEqual({ found: [], part: 'f' })
  expect(await complete('dis', replCommands, names)).toEqual({ found: ['disconnect '], part: 'dis' })
})

test('Ctrl-C empties the line, stops a command that runs, and else says how to leave', async () => {
  await using world = await startTyping()
  const { repl } = world
  repl.type(`frobnicate${keys.left}${keys.controlC}greet${keys.enter}`)
  await repl.says(/Hello, world!/)
  await repl.says(ready)
  repl.type(keys.controlC)
  await repl.says(/Type quit, or press Ctrl-D/)
  repl.type(`call-tool start-notification-stream {"interval":10}${keys.enter}`)
  world.service.tick()
  await repl.says(/notification 1 of 3/)
  repl.type(keys.controlC)
  await repl.says(/Stopped\.[\s\S]*gatehouse> /)
  repl.type(`greet again${keys.enter}`)
  await repl.says(/Hello, again!/)
  repl.type(keys.controlD)
  expect(await repl.ended).toBe(0)
})

test('Ctrl-C ends the waiting for a person, and the repl goes on', async () => {
  await using world = await startReplWorld()
  await world.shell.run(['logout'])
  world.servers.behaviour.polls = Array.from({ length: 500 }, () => ({
    status: 400,
    body: { error: 'authorization_pending' },
  }))
  const repl = world.start({ columns: 80 })
  await repl.says(/Waiting for you to approve/)
  repl.type(keys.controlC)
  await repl.says(/Stopped[\s\S]*gatehouse> /)
  repl.type(keys.controlD)
  expect(await repl.ended).toBe(0)
})

test('what is typed while a command runs is not mixed into its output, and is run after it', async () => {
  await using world = await startTyping()
  const { repl } = world
  repl.type(`call-tool start-notification-stream {"interval":10,"count":1}${keys.enter}greet later${keys.enter}`)
  world.service.tick()
  await repl.says(/· notification 1 of 1\n[\s\S]*sent 1\n[\s\S]*gatehouse> greet later\n[\s\S]*Hello, later!/)
  repl.type(keys.controlD)
  expect(await repl.ended).toBe(0)
})

test('what is typed is kept for next time, for its owner alone, except a line that begins with a blank', async () => {
  await using world = await startTyping()
  for (const line of ['greet Ada', ' greet secret', 'list-tools']) world.repl.line(line)
  world.repl.type(keys.controlD)
  expect(await world.repl.ended).toBe(0)
  const file = join(world.shell.home, 'repl-history')
  expect(await readFile(file, 'utf8')).toBe('list-tools\ngreet Ada\n')
  expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600')
  const next = world.start({ columns: 80 })
  await next.says(ready)
  next.type(`${keys.up}${keys.up}${keys.enter}`)
  await next.says(/Hello, Ada!/)
  next.type(keys.controlD)
  await next.ended
})

test('a script leaves no history, and a history that others could read is made private', async () => {
  await using world = await startReplWorld()
  const file = join(world.shell.home, 'repl-history')
  const script = world.start()
  script.line('greet')
  await script.end()
  await expect(stat(file)).rejects.toThrow('ENOENT')
  await writeFile(file, 'greet Ada\n', { mode: 0o644 })
  const repl = world.start({ columns: 80 })
  await repl.says(/could be read by others/)
  await repl.says(ready)
  expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600')
  repl.type(keys.controlD)
  await repl.ended
})
