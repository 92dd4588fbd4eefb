// A program: oidc-provider as it comes, with its store in memory and the device flow switched on. `servers.ts` starts it.
//   node bare-provider.ts PORT CLIENTS
import Provider, { type ClientMetadata } from 'oidc-provider'

const [port, clients = '[]'] = process.argv.slice(2)
const provider = new Provider(`http://localhost:${port}`, {
  clients: JSON.parse(clients) as ClientMetadata[],
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: false } },
})
provider.listen(Number(port), '127.0.0.1', () => process.stdout.write('it listens\n'))
process.on('SIGTERM', () => process.exit())
