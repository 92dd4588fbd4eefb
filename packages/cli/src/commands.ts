// The commands that take the services, in the order of the help. Each is loaded when it is asked for.
import type { OwnCommand } from './command.ts'

export const commands: readonly OwnCommand[] = [
  {
    name: 'protect',
    operands: 'URL | -- COMMAND…',
    summary: 'put a sign-in in front of any MCP server',
    endsBySignal: true,
    run: async (context) => (await import('./protect/protect.ts')).protect(context),
  },
  {
    name: 'gateway',
    operands: 'check | explain | pin | diff',
    summary: 'check the file of a gateway and its servers; who may call what; what changed since it was pinned',
    endsBySignal: false,
    run: async (context) => (await import('./gateway/gateway.ts')).gateway(context),
  },
  {
    name: 'audit',
    operands: '[verify] [FILE…]',
    summary: 'show who did what, from files of the audit',
    endsBySignal: false,
    run: async (context) => (await import('./audit/audit.ts')).audit(context),
  },
]
