// The client's commands as a process of their own, for tests. People get them with @gatehouse/cli.
import { run } from '../commands/run.ts'
import { runProcess } from '../process.ts'

await runProcess(run)
