// Makes the secrets of the example, once: what the ledger asks of the gateway, and the clients file with two machines.
//   node setup.ts
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const secret = () => randomBytes(24).toString('base64url')
const machine = (client_id: string, client_name: string) => ({
  client_id,
  client_name,
  client_secret: secret(),
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
})

function write(name: string, text: string): void {
  const path = join(import.meta.dirname, name)
  const isThere = existsSync(path)
  if (!isThere) writeFileSync(path, text, { mode: 0o600 })
  console.log(`${name} is ${isThere ? 'there' : 'written'}`)
}

mkdirSync(join(import.meta.dirname, 'secrets'), { recursive: true, mode: 0o700 })
write('secrets/ledger-authorization', `Bearer ${secret()}`)
const machines = [machine('nightly-report', 'Nightly report'), machine('archiver', 'Archiver')]
write('clients.json', `${JSON.stringify(machines, undefined, 2)}\n`)
