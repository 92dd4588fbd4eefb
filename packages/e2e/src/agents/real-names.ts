// The hosts of agents' metadata documents under their real names, without internet: each at a loopback address of its
// own, and a hosts file that leads there anyone who is started with it.
import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DocumentHost, openDocumentHost } from '@gatehouse/testing'
import type { ClientFixture } from '../clients/fixture.ts'

export interface RealNames extends AsyncDisposable {
  readonly hosts: string
  /** For the authorization server. */
  readonly env: Readonly<Record<string, string>>
}

/** `documents`: by the name of the host, the client whose document it has. */
export async function openRealNames(
  folder: string,
  documents: Readonly<Record<string, ClientFixture>>,
): Promise<RealNames> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error(
      'Agents that sign in by their metadata documents take root on Linux: for port 443, and for a hosts file of the ' +
        "authorization server's own (unshare --mount). Run `npm run test:full` as root, in a container for example.",
    )
  }
  const opened: DocumentHost[] = []
  const lines = ['127.0.0.1 localhost', '::1 localhost']
  for (const [name, { identity }] of Object.entries(documents)) {
    // nobody else's on this machine, whatever runs there at the same time
    const address = `127.${randomInt(1, 255)}.${randomInt(255)}.${randomInt(1, 255)}`
    const host = await openDocumentHost({ name, address })
    opened.push(host)
    if (identity.kind === 'document') host.publish(identity.path, identity.metadata)
    lines.push(`${address} ${name}`)
  }
  const hosts = join(folder, 'hosts')
  const certificates = join(folder, 'certificates.pem')
  writeFileSync(hosts, `${lines.join('\n')}\n`)
  writeFileSync(certificates, opened.map(({ certificate }) => certificate).join('\n'))
  return {
    hosts,
    env: { AUTH_METADATA_HOSTS_PRIVATE: Object.keys(documents).join(), NODE_EXTRA_CA_CERTS: certificates },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((host) => host[Symbol.asyncDispose]()))
    },
  }
}
