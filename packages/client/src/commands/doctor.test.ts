import { at, createDoctorWeb, json } from '@gatehouse/testing/doctor-web'
import { expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { widthOf } from '../terminal/layout.ts'

async function startDoctor() {
  const web = createDoctorWeb()
  const shell = await createCommandLine(at.mcp)
  return {
    web,
    run: (args: readonly string[] = [], overrides: { columns?: number } = {}) =>
      shell.run(['doctor', ...args], { fetch: web.fetch, lookup: async () => ['93.184.216.34'], ...overrides }),
    [Symbol.asyncDispose]: () => shell[Symbol.asyncDispose](),
  }
}

test('a good server ends with exit code 0, and who can connect is told', async () => {
  await using doctor = await startDoctor()
  const { code, stdout, stderr } = await doctor.run()
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toBe(`https://mcp.example/mcp, signing in at https://auth.example: 15 requests, nobody was signed in.

✓ Claude     can connect, with its client id metadata document
✓ ChatGPT    can connect, with its client id metadata document
✓ VS Code    can connect, with its client id metadata document
✓ Cursor     can connect, if it is registered (not tried: --register)
✓ Inspector  can connect, if it is registered (not tried: --register)

Nothing is wrong.
`)
})

test('the exit code is by severity: notes 0, warnings 9, faults 10', async () => {
  await using doctor = await startDoctor()
  const code = async () => (await doctor.run()).code
  doctor.web.server.device_authorization_endpoint = undefined
  expect(await code()).toBe(0)
  doctor.web.server.authorization_response_iss_parameter_supported = false
  expect(await code()).toBe(9)
  doctor.web.server.code_challenge_methods_supported = undefined
  expect(await code()).toBe(10)
})

test('each finding is one line in a file or a pipe, faults first, and within the width on a terminal', async () => {
  await using doctor = await startDoctor()
  doctor.web.server.device_authorization_endpoint = undefined
  doctor.web.resource.resource = 'https://mcp.example/'
  doctor.web.registration.registration_client_uri = undefined
  const { stdout } = await doctor.run()
  const lines = stdout.split('\n')
  expect(lines[2]).toBe(
    '✗ resource-differs: "resource" is "https://mcp.example/", but the address that was typed is "https://mcp.example/mcp". Fix: Make "resource" the address that people type, or give them the address that is in it. (RFC 9728 §3.3; RFC 8707 §2) Stops Claude, VS Code.',
  )
  expect(lines[3]).toMatch(/^· no-device-flow: .* \(RFC 8628 §4\)$/)
  expect(stdout).toContain('✗ Claude     is stopped by resource-differs')
  expect(stdout).toContain('! The registration as VS Code was left on the server: client id c1.')
  expect(stdout).toContain('1 fault, 1 note.')
  const terminal = await doctor.run([], { columns: 60 })
  expect(Math.max(...terminal.stdout.split('\n').map(widthOf))).toBeLessThanOrEqual(60)
  expect(terminal.stdout).toContain('\n  Fix: Make "resource" the address that people type, or give')
})

test('with --json the diagnosis is one document', async () => {
  await using doctor = await startDoctor()
  doctor.web.server.authorization_response_iss_parameter_supported = undefined
  const { code, stdout } = await doctor.run(['--json', '--register'])
  expect([code, JSON.parse(stdout)]).toMatchObject([
    9,
    {
      url: at.mcp,
      issuer: 'https://auth.example',
      findings: [{ id: 'no-iss', severity: 'warning', fix: expect.any(String), spec: expect.any(String), stops: [] }],
      clients: [{ name: 'Claude', identification: 'document', tried: true, stopped_by: [] }, {}, {}, {}, {}],
      left_behind: [],
      exit_code: 9,
    },
  ])
})

test('an address may be given as it is typed, http too, and takes the place of --url', async () => {
  await using doctor = await startDoctor()
  doctor.web.answers.set('POST http://other.example/mcp', () => json({}, 404))
  const { code, stdout } = await doctor.run(['http://other.example/mcp#top'])
  expect([code, stdout]).toEqual([
    10,
    expect.stringContaining('✗ not-https: http://other.example/mcp is not encrypted'),
  ])
  expect((await doctor.run(['ftp://other.example'])).code).toBe(2)
  expect((await doctor.run(['https://a.example', 'https://b.example'])).code).toBe(2)
  expect((await doctor.run(['--register', '--no-register'])).code).toBe(2)
})

test('a server that is not there ends with exit code 6', async () => {
  await using shell = await createCommandLine('http://127.0.0.1:1/mcp')
  const { code, stderr } = await shell.run(['doctor'])
  expect([code, stderr]).toEqual([6, expect.stringContaining('Could not reach http://127.0.0.1:1')])
})
