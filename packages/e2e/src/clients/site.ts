// Both services, and a host of client id metadata documents that the authorization server trusts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDocumentHost, startStack } from '@gatehouse/testing'
import type { Site } from './replay.ts'

export interface RunningSite extends Site, AsyncDisposable {
  readonly logs: () => string
  /** A new, empty folder, removed with the rest. */
  readonly folder: (name: string) => string
}

/** `mcp`: variables of the resource server, such as the file of what it stands in front of. */
export async function startSite(
  clients: readonly object[] = [],
  mcp: Readonly<Record<string, string>> = {},
): Promise<RunningSite> {
  const root = mkdtempSync(join(tmpdir(), 'gatehouse-clients-'))
  const documents = await openDocumentHost()
  const certificate = join(root, 'certificate.pem')
  writeFileSync(certificate, documents.certificate)
  const stack = await startStack({
    clients,
    env: {
      mcp,
      auth: {
        AUTH_METADATA_HOSTS_PRIVATE: 'localhost',
        NODE_EXTRA_CA_CERTS: certificate,
        // the people of createPerson() come from addresses of their own
        TRUST_PROXY: '127.0.0.1,::1',
        AUTH_DEV_LOGIN: 'true',
      },
    },
  })
  return {
    issuer: stack.issuer,
    resource: stack.resource,
    documents,
    logs: stack.logs,
    folder: (name) => mkdtempSync(join(root, `${name}-`)),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([stack, documents].map((each) => each[Symbol.asyncDispose]()))
      rmSync(root, { recursive: true, force: true })
    },
  }
}
