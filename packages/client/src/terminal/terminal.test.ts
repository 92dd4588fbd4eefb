import { ClientError } from '@gatehouse/network'
import { expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'
import { cutTo, widthOf, wrap } from './layout.ts'
import { timeLeft } from './sign-in-prompts.ts'
import { createTerminal, showError } from './terminal.ts'

const widest = (text: string) => Math.max(...text.split(/[\n\r]/).map(widthOf))

test('no line of a sign-in is wider than the terminal, and the QR code is drawn where it fits', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  for (const [columns, qr] of [
    [120, true],
    [80, true],
    [60, true],
    [44, true],
    [34, false],
  ] as const) {
    const { stderr } = await shell.run(['login'], { columns })
    expect([
      columns,
      widest(stderr) <= Math.max(columns, widthOf(`  ${servers.issuer}/device`)),
      stderr.includes('▄▄▄▄▄'),
    ]).toEqual([columns, true, qr])
  }
  expect((await shell.run(['login', '--no-qr'], { columns: 120 })).stderr).not.toContain('▄▄▄▄▄')
})

test('on a wide terminal the QR code stands beside the address, on a narrow one below it', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const beside = (await shell.run(['login'], { columns: 120 })).stderr
  expect(beside.split('\n').find((line) => line.includes('Open'))).toMatch(/user_code=BDWP-HQTK.*█/)
  const below = (await shell.run(['login'], { columns: 70 })).stderr
  expect(below.split('\n').find((line) => line.includes('Open'))).not.toContain('█')
})

test('where the address with the code does not fit, the plain one is shown and the code has to be entered', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const { stderr } = await shell.run(['login', '--no-qr'], { columns: 46 })
  expect(stderr).toContain('Enter the code on the page.')
  expect(stderr).not.toContain('user_code=')
})

test('colours and the moving line are for terminals, and NO_COLOR ends the colours', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const styled = '\u001b[1m'
  expect((await shell.run(['login'], { columns: 80 })).stderr).toContain(styled)
  const plain = await shell.run(['login'], { columns: 80, env: { NO_COLOR: '1' } })
  expect(plain.stderr).not.toContain(styled)
  expect(plain.stderr).toContain('⠋ Waiting for you to approve · 10 min left · Ctrl-C to stop')
  expect((await shell.run(['login'])).stderr).not.toContain('\u001b')
})

test('an error says what happened, why and what to do, within the width', () => {
  let written = ''
  const terminal = createTerminal({
    stdout: { write: () => {} },
    stderr: { write: (text) => (written += text), isTTY: true, columns: 40 },
    env: { NO_COLOR: '1' },
  })
  const error = new ClientError('signed_out', 'The server does not accept this sign-in any more.', {
    reason: 'invalid_grant: the refresh token was revoked.',
    hint: 'Sign in again:',
    command: 'login',
  })
  showError(terminal, error, (command) => `npm run client -- ${command}`)
  expect(written).toBe(`✗ The server does not accept this
  sign-in any more.
  invalid_grant: the refresh token was
  revoked.
  Sign in again:
  npm run client -- login
`)
})

test('widths count columns: wide characters two, colours none', () => {
  expect([widthOf('日本'), widthOf('👩‍🚀'), widthOf('\u001b[1mab\u001b[22m')]).toEqual([4, 2, 2])
  expect([cutTo('日本語です', 6), cutTo('short', 6)]).toEqual(['日本…', 'short'])
  expect(wrap('one two three', 7)).toEqual(['one two', 'three'])
})

test('the time left is told in minutes, then in seconds', () => {
  expect([timeLeft(600), timeLeft(90), timeLeft(89.2), timeLeft(-3)]).toEqual([
    '10 min left',
    '2 min left',
    '90 s left',
    '0 s left',
  ])
})
