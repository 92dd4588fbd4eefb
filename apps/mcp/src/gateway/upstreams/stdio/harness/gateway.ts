// For tests: a process that runs commands as the gateway does, to be killed. `gateway.ts FOLDER BEHAVIOUR…`.
import { join } from 'node:path'
import { createInflow, largestInflow } from '../../inflow.ts'
import { createProcessGroups } from '../process-groups.ts'
import { createStdioTransport } from '../stdio-transport.ts'
import { commandSettings } from './settings.ts'

const [folder = '', ...behaviours] = process.argv.slice(2)
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const groups = await createProcessGroups({ folder: join(folder, 'running'), log })
for (const [at, behaviour] of behaviours.entries()) {
  const settings = commandSettings([behaviour], { name: `c${at}` })
  await createStdioTransport(settings, {
    log,
    home: join(folder, 'homes'),
    groups,
    environment: process.env,
    inflow: createInflow(largestInflow),
  }).start()
}
process.stdout.write('ready\n')
setInterval(() => undefined, 60_000)
