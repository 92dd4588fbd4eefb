// The private parts of the signing keys, read as the operator's command reads them: nobody else can.
import { repository, startProcess } from '@gatehouse/testing'

const program = `
  const { readConfig } = await import('./apps/auth/src/config.ts')
  const { openStore } = await import('./apps/auth/src/store/open-store.ts')
  const { createSealing } = await import('./apps/auth/src/store/sealing.ts')
  const { dataDir, redis, secret } = readConfig(process.env)
  const store = openStore({ dataDir, redis, sealing: createSealing({ secret }), onTrouble: () => undefined })
  const read = (name) => store.documents.get(name)
  for (;;) if (await store.ping().then(() => true, () => false)) break
  const rings = await Promise.all(['signing-keys', 'signing-keys-rs256'].map(read))
  console.log(JSON.stringify(rings.flatMap(({ keys }) => keys)))
  await store.close()
`

/** Each private member of each key (RFC 7518 §6), as it stands in a JWK. */
export async function privateParts(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  await using running = startProcess(['--input-type=module', '--eval', program], { env, cwd: repository })
  const { code } = await running.exited
  if (code !== 0) throw new Error(running.output())
  const keys = JSON.parse(running.stdout()) as Readonly<Record<string, unknown>>[]
  return keys.flatMap((key) => ['d', 'p', 'q', 'dp', 'dq', 'qi'].flatMap((member) => key[member] ?? [])).map(String)
}
