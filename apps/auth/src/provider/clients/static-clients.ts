// Clients that an operator wrote into AUTH_CLIENTS_FILE. The file is watched: a change takes effect without a restart,
// and a file that does not hold up leaves the clients as they were.
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { parseJson } from '@gatehouse/shared'
import type { ClientMetadata } from 'oidc-provider'
import { z } from 'zod'
import { ConfigError } from '../../errors.ts'
import { assertClientId } from './clients.ts'
import { registrationMember } from './own-metadata.ts'
import { withHashedSecret } from './secrets.ts'

const pollMs = 1_000

const fileSchema = z.array(
  z.looseObject({
    client_id: z.string().min(1).max(256),
    client_secret: z.string().min(16, 'must have at least 16 characters').optional(),
    token_endpoint_auth_method: z.enum(['none', 'client_secret_basic', 'client_secret_post']).optional(),
    grant_types: z.array(z.string()).optional(),
  }),
)

export interface StaticClients extends Disposable {
  /** Finds nothing before {@link open}. */
  find(clientId: string): ClientMetadata | undefined
  /**
   * Reads the file, and watches it from then on. Throws {@link ConfigError} if it is faulty now; later faults go to
   * `onReload`. `validate` throws if the engine would refuse this metadata.
   */
  open(validate: (metadata: ClientMetadata) => Promise<unknown>): Promise<void>
}

export interface StaticClientsOptions {
  readonly file: string | undefined
  readonly onReload: (result: { readonly clients: number } | { readonly fault: string }) => void
}

export function createStaticClients({ file, onReload }: StaticClientsOptions): StaticClients {
  let clients: ReadonlyMap<string, ClientMetadata> = new Map()
  let unwatch = () => {}
  return {
    find: (clientId) => clients.get(clientId),
    async open(validate) {
      if (!file) return
      clients = await load(file, validate)
      const reload = async () => {
        try {
          clients = await load(file, validate)
          onReload({ clients: clients.size })
        } catch (error) {
          onReload({ fault: error instanceof Error ? error.message : String(error) })
        }
      }
      // Polling, because a file that is bind-mounted or replaced by rename is missed by file system events.
      watchFile(file, { interval: pollMs, persistent: false }, reload)
      unwatch = () => unwatchFile(file, reload)
    },
    [Symbol.dispose]: () => unwatch(),
  }
}

async function load(
  file: string,
  validate: Parameters<StaticClients['open']>[0],
): Promise<Map<string, ClientMetadata>> {
  const fault = (text: string) => new ConfigError([`AUTH_CLIENTS_FILE ${file}: ${text}`])
  let json: unknown
  try {
    json = parseJson(readFileSync(file, 'utf8'))
  } catch (error) {
    throw fault(
      error instanceof SyntaxError
        ? `is ${error.message}.`
        : `cannot be read (${(error as NodeJS.ErrnoException).code}).`,
    )
  }
  const result = fileSchema.safeParse(json)
  if (!result.success) {
    throw fault(
      result.error.issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`).join('; '),
    )
  }
  const clients = new Map<string, ClientMetadata>()
  for (const entry of result.data) {
    const { client_id: id } = entry
    if (clients.has(id)) throw fault(`client_id ${id} is there twice.`)
    const metadata = {
      token_endpoint_auth_method: entry.client_secret ? 'client_secret_basic' : 'none',
      ...entry,
      [registrationMember]: 'static',
    }
    const hasSecret = entry.client_secret !== undefined
    if (hasSecret === (metadata.token_endpoint_auth_method === 'none')) {
      throw fault(
        `${id}: ${hasSecret ? 'has a client_secret but the method "none"' : 'needs a client_secret for its method'}.`,
      )
    }
    if (!hasSecret && entry.grant_types?.includes('client_credentials'))
      throw fault(`${id}: client_credentials needs a client_secret.`)
    try {
      assertClientId(id)
      await validate(structuredClone(metadata) as ClientMetadata)
    } catch (error) {
      throw fault(`${id}: ${(error as { error_description?: string }).error_description ?? (error as Error).message}.`)
    }
    clients.set(id, withHashedSecret(metadata as ClientMetadata))
  }
  return clients
}
