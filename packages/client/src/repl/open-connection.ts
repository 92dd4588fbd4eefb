import { ClientError } from '@gatehouse/network'
import type { Client, ConnectOptions } from '../client.ts'
import type { McpConnection } from '../mcp/connection.ts'

/**
 * A connection that stays. Where nobody chose a protocol: 2025-11-25 if the server opens a session for it, so that
 * there is something to resume and to end, else the newest that both speak.
 */
export async function openConnection(client: Client, options: ConnectOptions): Promise<McpConnection> {
  if (options.protocol !== undefined) return await client.connect(options)
  const older = await client.connect({ ...options, protocol: '2025-11-25' }).catch((error: unknown) => {
    if (error instanceof ClientError && speaksOnlyNewer.has(error.code)) return undefined
    throw error
  })
  if (older?.sessionId !== undefined) return older
  await older?.close()
  return await client.connect({ ...options, protocol: 'auto' })
}

/** What a server that no longer knows `initialize` answers with, one way or another. */
const speaksOnlyNewer: ReadonlySet<string> = new Set(['protocol_error', 'request_failed', 'not_found', 'unreachable'])
