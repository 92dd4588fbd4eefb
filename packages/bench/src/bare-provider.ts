// A program: oidc-provider as it comes, with its store in memory. The device flow is switched on, access tokens are JWTs
// that ES256 signs, and refresh tokens rotate. `servers.ts` starts it.
//   node bare-provider.ts PORT CLIENTS
import { exportJWK, generateKeyPair } from 'jose'
import Provider, { type ClientMetadata } from 'oidc-provider'

const [port, clients = '[]'] = process.argv.slice(2)
const resource = 'http://localhost:3000/mcp'
const scope = 'mcp:tools:read mcp:tools:call'
/** Sign-ins whose refresh tokens are told. */
const signIns = 40

const { privateKey } = await generateKeyPair('ES256', { extractable: true })
const provider = new Provider(`http://localhost:${port}`, {
  clients: JSON.parse(clients) as ClientMetadata[],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'one' }] },
  rotateRefreshToken: true,
  features: {
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope,
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
})
const tokens = await Promise.all(Array.from({ length: signIns }, (_, index) => signIn(`person-${index}`)))
provider.listen(Number(port), '127.0.0.1', () => process.stdout.write(`it listens ${JSON.stringify(tokens)}\n`))
process.on('SIGTERM', () => process.exit())

/** What a device gets that a person approved. */
async function signIn(accountId: string): Promise<string> {
  const client = await provider.Client.find('terminal')
  if (!client) throw new Error('there is no client of this name')
  const grant = new provider.Grant({ accountId, clientId: client.clientId })
  grant.addResourceScope(resource, scope)
  const token = new provider.RefreshToken({
    ...{ client, accountId, grantId: await grant.save(), scope, resource, gty: 'device_code' },
  } as unknown as ConstructorParameters<typeof provider.RefreshToken>[0])
  return token.save()
}
