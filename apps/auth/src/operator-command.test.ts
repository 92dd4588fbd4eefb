// The operator's command as a process of its own. What it does: operator/operator.test.ts.
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createDataDir, startAuthServer, testSecret } from './harness/auth-server.ts'
import { errorOf, logInOnDevice, refresh, refused } from './harness/flows.ts'

function run(dataDir: string, ...args: readonly string[]) {
  const command = ['--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning']
  const file = join(import.meta.dirname, 'operator-command.ts')
  const env = { PATH: process.env.PATH, DATA_DIR: dataDir, AUTH_SECRET: testSecret }
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [...command, file, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}

test('beside a service without Redis it says to stop it first; then it forgets', async () => {
  const dataDir = createDataDir()
  const server = await startAuthServer({ dataDir })
  const { refresh_token: token } = await logInOnDevice(server)
  expect(await run(dataDir, 'people', 'list')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('stop the service first'),
  })
  await server[Symbol.asyncDispose]()
  expect(await run(dataDir, 'people', 'lsit')).toMatchObject({ code: 2, stderr: expect.stringContaining('Usage:') })
  const shown = await run(dataDir, 'people', 'show', 'dev:ada')
  // the clock of the server was that of the test, and is months ahead
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining('approval   terminal, since ') })
  expect(shown.stdout + shown.stderr).not.toContain(token)
  expect((await run(dataDir, 'people', 'forget', 'dev:ada', '--yes')).stdout).toContain('All of this has ended.')
  expect(await run(dataDir, 'people', 'forget', 'dev:ada', '--yes')).toMatchObject({
    code: 1,
    stderr: 'There is nothing of dev:ada: no account, no approval and no session.\n',
  })
  await using again = await startAuthServer({ dataDir })
  expect(errorOf(await refresh(again, token))).toEqual(refused(400, 'invalid_grant'))
  rmSync(dataDir, { recursive: true, force: true })
}, 60_000)
