// The commands, in the order of the help. A new one is a file beside this and a line here.
import { call } from './call.ts'
import type { Command } from './command.ts'
import { doctor } from './doctor.ts'
import { login } from './login.ts'
import { logout } from './logout.ts'
import { prompts } from './prompts.ts'
import { repl } from './repl.ts'
import { resources } from './resources.ts'
import { token } from './token.ts'
import { tools } from './tools.ts'
import { whoami } from './whoami.ts'

export const commands: readonly Command[] = [
  login,
  logout,
  whoami,
  token,
  tools,
  call,
  prompts,
  resources,
  repl,
  doctor,
]
