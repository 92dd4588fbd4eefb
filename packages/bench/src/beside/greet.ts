// The tool of the demonstration, for servers of others; and how they say where they listen.
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

export const input = z.strictObject({ name: z.string().min(1).max(200).describe('Whom to greet') })

export const greet = {
  description: 'Says hello to the person whose name is given.',
  run: async ({ name }: z.infer<typeof input>) => ({ content: [{ type: 'text' as const, text: `Hello, ${name}!` }] }),
}

/** Listens on a free port of this machine, until SIGTERM. */
export function printPort(server: Server): void {
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
  process.on('SIGTERM', () => process.exit())
}
