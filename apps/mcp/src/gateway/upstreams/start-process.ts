// Commands of all upstreams: what an earlier gateway left of them is ended at the start, if there are any.
import { join } from 'node:path'
import type { Transport } from '@modelcontextprotocol/client'
import type { GatewaySettings, StdioUpstream } from '../settings.ts'
import type { Inflow } from './inflow.ts'
import { createProcessGroups, type ProcessGroups, type StdioLog } from './stdio/process-groups.ts'
import { createStdioTransport } from './stdio/stdio-transport.ts'

export interface ProcessStarterOptions {
  readonly settings: GatewaySettings
  /** A private one, on this machine. */
  readonly stateFolder: string
  readonly inherited: Readonly<Record<string, string | undefined>>
  readonly log: StdioLog
}

export interface ProcessStarter {
  readonly start: (settings: StdioUpstream, inflow: Inflow) => Transport
  /** Once all transports are closed. */
  close(): Promise<void>
}

export function createProcessStarter({ settings, stateFolder, inherited, log }: ProcessStarterOptions): ProcessStarter {
  let groups: Promise<ProcessGroups> | undefined

  function open(): Promise<ProcessGroups> {
    groups ??= createProcessGroups({ folder: join(stateFolder, 'running'), log })
    return groups
  }

  if (settings.upstreams.some(({ transport }) => transport === 'stdio')) {
    open().catch((err: Error) => log.error({ err }, 'commands cannot be run: is the data directory writable?'))
  }
  return {
    start(one, inflow) {
      const home = join(stateFolder, 'homes')
      return createStdioTransport(one, { log, home, groups: open(), environment: inherited, inflow })
    },
    close: async () => (await groups?.catch(() => undefined))?.close(),
  }
}
