import type { Transport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { StdioUpstream } from '../settings.ts'

/** Stands in until stdio/ is there: no group, no environment of its own. */
export function createProcessStarter(_options: { readonly stateFolder: string; readonly log: object }) {
  return ({ command: [command, ...args] }: StdioUpstream): Transport =>
    new StdioClientTransport({ command, args, stderr: 'ignore' })
}
