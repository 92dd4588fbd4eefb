// The process of an operator who looks after the people and the clients of a service that runs.
import { setTimeout as wait } from 'node:timers/promises'
import { createAccountRecords } from './accounts/account-records.ts'
import { operatorUsage, parseOperatorCommand, runPeopleCommand } from './operator/command-line.ts'
import { runOperatorCommand } from './operator-process.ts'
import { clientsKnownFor } from './provider/clients/known-clients.ts'
import { accountLifetime } from './provider/lifetimes.ts'

/** Milliseconds in which what was asked before is answered. */
const settles = { person: 2_000, client: 2_000 + clientsKnownFor }

await runOperatorCommand({
  usage: operatorUsage,
  parse: parseOperatorCommand,
  run: (command, { store, config: { lifetimes } }) =>
    runPeopleCommand(command, {
      store,
      people: createAccountRecords({ store, keptFor: accountLifetime(lifetimes) * 1000 }),
      settle: async (of) => void (store.shared && (await wait(settles[of]))),
    }),
})
