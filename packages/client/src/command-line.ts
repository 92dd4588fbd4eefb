// The client's commands, for a program that has more of them: @gatehouse/cli.
export type { Host, Summary } from './commands/command.ts'
export { run } from './commands/run.ts'
export { runProcess } from './process.ts'
export { cutTo, pad, table, widthOf, wrap } from './terminal/layout.ts'
export { createTerminal, showError, type Terminal } from './terminal/terminal.ts'
export { version } from './version.ts'
