import { expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'
import { createMcpService } from '../harness/mcp-service.ts'
import { answerFrom } from './elicitation.ts'

async function startAsking() {
  const servers = await startFakeServers({ service: createMcpService({ sessions: false }) })
  servers.behaviour.open = () => true
  const shell = await createCommandLine(servers.mcpUrl)
  return {
    run: (...args: string[]) => shell.run(['call', 'remove', '{"id":7}', ...args]),
    async [Symbol.asyncDispose]() {
      await shell[Symbol.asyncDispose]()
      await servers[Symbol.asyncDispose]()
    },
  }
}

test('--answer answers what a tool asks, with the defaults of the fields it leaves out', async () => {
  await using asking = await startAsking()
  const answered = await asking.run('--answer', '{"confirm":true,"else":1}')
  expect(answered).toEqual({
    code: 0,
    stdout: 'removed 7: {"confirm":true,"reason":"unused"}\n',
    stderr: '? Really remove 7?\n',
  })
  expect((await asking.run('--answer', '{"confirm":false,"reason":"old"}')).stdout).toBe(
    'removed 7: {"confirm":false,"reason":"old"}\n',
  )
})

test('an answer that leaves out what has to be there declines, and says what is missing', async () => {
  await using asking = await startAsking()
  const { code, stdout, stderr } = await asking.run('--answer', '{}')
  expect([code, stdout]).toEqual([0, 'kept 7: decline\n'])
  expect(stderr).toContain('Declined: --answer has nothing for confirm.')
})

test('without --answer the server is told that nobody can be asked, and the person what to give', async () => {
  await using asking = await startAsking()
  const { code, stderr } = await asking.run()
  expect([code, stderr]).toEqual([8, expect.stringContaining('--answer')])
  expect((await asking.run('--answer', 'yes')).code).toBe(2)
})

test('only what the form has a field for is sent', () => {
  const fields = { type: 'object' as const, properties: { a: { type: 'string' as const } }, required: ['a'] }
  const question = { message: '', fields }
  expect(answerFrom({ a: 'x', secret: 'y' }, question).answer).toEqual({ action: 'accept', content: { a: 'x' } })
  expect(answerFrom({ secret: 'y' }, question)).toEqual({ answer: { action: 'decline' }, missing: ['a'] })
})
