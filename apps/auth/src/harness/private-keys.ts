// For tests, a program: prints the private parts of the signing keys of a service that runs, a JSON array of texts as they stand in
// a JWK (RFC 7518 §6). Reads them as the operator's command does, with the settings of the service.
import { setTimeout as wait } from 'node:timers/promises'
import { readConfig } from '../config.ts'
import { readStoredRing } from '../keys/reconcile.ts'
import { signingAlgorithms } from '../keys/signing-keys.ts'
import { openStore } from '../store/open-store.ts'
import { createSealing } from '../store/sealing.ts'

const members = ['d', 'p', 'q', 'dp', 'dq', 'qi']

const { store: choice, secret } = readConfig(process.env)
if (!secret) throw new Error('AUTH_SECRET is not set')
const store = openStore(choice, {
  sealing: createSealing({ secret }),
  onTrouble: () => undefined,
  mayCreate: false,
})
// Redis may not be connected yet
for (const deadline = performance.now() + 10_000; ; await wait(50)) {
  const isThere = await store.ping().then(
    () => true,
    () => false,
  )
  if (isThere || performance.now() > deadline) break
}
const rings = await Promise.all(signingAlgorithms.map((alg) => readStoredRing(alg, store.documents)))
const keys = rings.flatMap((ring) => ring?.keys ?? []).map((key): Readonly<Record<string, unknown>> => ({ ...key }))
const parts = keys.flatMap((key) => members.flatMap((member) => key[member] ?? []))
process.stdout.write(JSON.stringify(parts))
await store.close()
