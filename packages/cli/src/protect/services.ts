// Both services in this process: each on a listener of its own, or both on one, told apart by path.
import { createServer, type RequestListener, type Server } from 'node:http'
import { openAuthorizationServer } from '@gatehouse/auth/embedded'
import { boundGarbage, openMcpServer, releaseAfterStart } from '@gatehouse/mcp/embedded'
import { ClientError } from '@gatehouse/network'
import type { Environment } from '@gatehouse/shared'

export interface ServiceOptions {
  readonly resource: string
  readonly issuer: string
  readonly ports: { readonly auth: number; readonly mcp: number }
  /** One listener, that of `mcp`, for a public origin. */
  readonly isPublic: boolean
  readonly dataDir: string
  /** The file that says what is protected. */
  readonly file: string
  readonly env: Environment
  onLog(service: string, line: string): void
}

export interface Services {
  readonly logins: readonly string[]
  close(): Promise<void>
}

/** Variables that say where and what, which we say ourselves. */
export const ofServices =
  /^(AUTH_ISSUER|AUTH_RESOURCES|AUTH_DEV_LOGIN|MCP_RESOURCE_URL|MCP_ISSUER|MCP_UPSTREAM.*|REDIS_.*|PORT|HOST|METRICS_PORT|DATA_DIR|NODE_ENV)$/

/** Rejects with a ConfigError, or with a {@link ClientError} for a port that cannot be had. */
export async function startServices(options: ServiceOptions): Promise<Services> {
  const { issuer, ports, isPublic, dataDir, file, env, onLog } = options
  boundGarbage(process.execArgv)
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !ofServices.test(name)))
  const common = {
    LOG_LEVEL: 'warn',
    ...kept,
    DATA_DIR: dataDir,
    GATEHOUSE_CONFIG: file,
    ...(isPublic && { HOST: 'localhost' }),
  }
  const logTo = (service: string) => ({ write: (line: string) => onLog(service, line) })
  // A tunnel ends on this machine and says whom it speaks for.
  const proxied = isPublic && !env.TRUST_PROXY ? { TRUST_PROXY: '127.0.0.1,::1' } : {}
  const auth = await openAuthorizationServer({
    env: { ...common, ...proxied, AUTH_ISSUER: issuer, PORT: String(ports.auth) },
    logStream: logTo('auth'),
  })
  const keys = isPublic ? { MCP_JWKS_URL: `http://localhost:${ports.mcp}/jwks` } : {}
  const mcp = await Promise.resolve()
    .then(() =>
      openMcpServer({
        env: { ...common, ...proxied, ...keys, MCP_ISSUER: issuer, PORT: String(ports.mcp) },
        logStream: logTo('mcp'),
      }),
    )
    .catch(async (error: unknown) => {
      await auth.app.close()
      throw error
    })
  let shared: Server | undefined
  const close = async (): Promise<void> => {
    shared?.close()
    await Promise.all([auth.app.close(), mcp.app.close()])
    shared?.closeAllConnections()
  }
  try {
    if (isPublic) {
      await Promise.all([auth.app.ready(), mcp.app.ready()])
      shared = createServer(byPath(auth.app.routing as RequestListener, mcp.app.routing as RequestListener))
      await listening(ports.mcp, listen(shared, ports.mcp))
    } else {
      await listening(ports.auth, auth.app.listen({ host: auth.config.host, port: ports.auth }))
      await listening(ports.mcp, mcp.app.listen({ host: mcp.config.host, port: ports.mcp }))
    }
  } catch (error) {
    await close()
    throw error
  }
  void releaseAfterStart()
  const logins = auth.config.logins
    .filter(({ login }) => login !== 'developer')
    .map(({ login }) => names[login] ?? login)
  return { logins, close }
}

const names: Readonly<Record<string, string>> = { github: 'GitHub', google: 'Google', openid: 'OpenID' }

/** The resource and its metadata are the MCP server's, all else the issuer's. */
function byPath(auth: RequestListener, mcp: RequestListener): RequestListener {
  return (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?')
    const isMcp = path === '/mcp' || /^\/\.well-known\/(oauth-protected-resource|gatehouse\/)/.test(path)
    return (isMcp ? mcp : auth)(request, response)
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, 'localhost', () => resolve())
  })
}

async function listening(port: number, listens: Promise<unknown>): Promise<void> {
  await listens.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error
    const hint = `Choose another with --port, such as --port ${port + 10}`
    const why = error.code === 'EACCES' ? 'may not be used by this user' : 'is in use'
    throw new ClientError('usage', `Port ${port} ${why}.`, { hint, cause: error })
  })
}
