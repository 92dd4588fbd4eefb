// For tests: a process that runs a command as another user, prints what it says of itself, and ends it, which takes SIGKILL.
// `other-user.ts FOLDER UID`.
import { join } from 'node:path'
import { createInflow, largestInflow } from '../../inflow.ts'
import { createProcessGroups } from '../process-groups.ts'
import { createStdioTransport } from '../stdio-transport.ts'
import { commandSettings } from './settings.ts'

const [folder = '', user] = process.argv.slice(2)
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const groups = await createProcessGroups({ folder: join(folder, 'running'), log })
const said = `{"jsonrpc":"2.0","id":1,"result":{"uid":"'$(id -u)'","groups":"'$(id -G)'","cwd":"'$(pwd)'"}}`
const script = `trap '' TERM HUP; touch "$TMPDIR/here" || exit 1; echo '${said}'; while :; do sleep 60; done`
const transport = createStdioTransport(commandSettings([], { command: ['/bin/sh', '-c', script], user }), {
  log,
  home: join(folder, 'homes'),
  groups,
  environment: process.env,
  inflow: createInflow(largestInflow),
  grace: { input: 10, term: 10, kill: 5_000 },
})
const answered = new Promise<unknown>((resolve) => {
  transport.onmessage = (message) => resolve('result' in message && message.result)
})
await transport.start()
process.stdout.write(JSON.stringify(await answered))
await transport.close()
await groups.close()
