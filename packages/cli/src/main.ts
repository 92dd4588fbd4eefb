// The process of the `gatehouse` command. No logic.
import { runProcess } from '@gatehouse/client/command-line'
import { runCommandLine } from './command-line.ts'

await runProcess(runCommandLine)
