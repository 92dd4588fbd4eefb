// A process of its own that ends what the gateway left, should the gateway die without doing so: it waits for its standard
// input, which the gateway holds, to end. `node guard.ts FOLDER PID STARTED`. Signals that are meant for all of a terminal or
// of a unit do not end it before the gateway.

import { usualGrace } from './end-group.ts'
import { endLeftGroups } from './group-records.ts'

const [folder = '', pid, started = ''] = process.argv.slice(2)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.stdin.on('error', () => process.stdin.destroy())
process.stdin.on('close', () => void endLeftGroups(folder, usualGrace, { pid: Number(pid), started }))
process.stdin.resume()
