// Stands at the issuer's address and hands every request on as it is. It is the one clock for all clients: it notes when
// each token request came and when its answer was out, or that the client hung up. Registrations and devices each come from a
// network address of their own, as limits are by address.
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as openRequest, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** Times are milliseconds of `performance.now()`. */
export interface TokenRequest {
  readonly came: number
  readonly ended: number
  /** 0: the client hung up before it had its answer. */
  readonly status: number
  /** The `error` of a refusal: RFC 6749 §5.2, RFC 8628 §3.5. */
  readonly error?: string | undefined
}

/** What the token endpoint was asked with one code. */
export interface Requests {
  /** In the order in which they ended. */
  readonly all: readonly TokenRequest[]
  /** When the first one came. */
  readonly first: Promise<number>
  /** When the first 200 was out. */
  readonly token: Promise<number>
}

export interface Wire extends AsyncDisposable {
  /** Those of the device that was given this user code. */
  readonly ofDevice: (userCode: string) => Requests
  /** Those of an app with its authorization code. */
  readonly ofCode: (code: string) => Requests
}

export interface WireOptions {
  /** The port of the authorization server that gets the requests of clients. */
  readonly clients: number
  /** The port of the one that gets those of people. */
  readonly people: number
}

/** What clients ask for; all else is a person's browser. */
const clientPaths = /^\/(\.well-known\/|register|device_authorization|token|jwks|revoke)/

interface Kept extends Requests {
  readonly all: TokenRequest[]
  readonly came: (at: number) => void
  readonly granted: (at: number) => void
}

/** Listens on a port of localhost. */
export async function startWire(port: number, { clients, people }: WireOptions): Promise<Wire> {
  const kept = new Map<string, Kept>()
  const addresses = new Map<string, string>()
  const deviceCodes = new Map<string, string>()
  let given = 0

  const keptOf = (code: string) => {
    const known = kept.get(code) ?? keep()
    kept.set(code, known)
    return known
  }
  const nextAddress = () => {
    given += 1
    return `100.64.${Math.floor(given / 250)}.${(given % 250) + 1}`
  }

  const server = createServer(async (request, response) => {
    const came = performance.now()
    const sent = await buffer(request).catch(() => undefined)
    if (!sent) return response.destroy()
    const [path = ''] = (request.url ?? '').split('?')
    const fields = new URLSearchParams(sent.toString())
    const code = fields.get('device_code') ?? fields.get('code') ?? ''
    const isNew = path === '/register' || path === '/device_authorization'
    const address = isNew ? nextAddress() : addresses.get(code)
    const isToken = path === '/token'
    if (isToken) keptOf(code).came(came)

    const target = clientPaths.test(path) ? clients : people
    const { status, body } = await forward(request, { port: target, body: sent, address }, response)
    const ended = performance.now()
    const { device_code: deviceCode, user_code: userCode } = isNew ? read(body) : {}
    if (deviceCode && userCode && address) {
      addresses.set(deviceCode, address)
      deviceCodes.set(userCode, deviceCode)
    }
    if (isToken) {
      keptOf(code).all.push({ came, ended, status, error: status === 200 ? undefined : read(body).error })
      if (status === 200) keptOf(code).granted(ended)
    }
    return undefined
  })
  // longer than any client pauses: which connection is used again must not change what is measured
  server.keepAliveTimeout = 72_000
  server.listen(port, 'localhost')
  await once(server, 'listening')

  return {
    ofDevice: (userCode) => {
      const deviceCode = deviceCodes.get(userCode)
      if (deviceCode === undefined) throw new Error('no device was given the user code that it shows')
      return keptOf(deviceCode)
    },
    ofCode: keptOf,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function keep(): Kept {
  const first = Promise.withResolvers<number>()
  const token = Promise.withResolvers<number>()
  return { all: [], first: first.promise, token: token.promise, came: first.resolve, granted: token.resolve }
}

/** Resolves when the answer is out, or with status 0 when the client has hung up. */
async function forward(
  { method, url, headers: { connection: _, ...headers } }: IncomingMessage,
  { port, body, address }: { port: number; body: Buffer; address: string | undefined },
  response: ServerResponse,
): Promise<{ readonly status: number; readonly body: string }> {
  const forwarded = address === undefined ? {} : { 'x-forwarded-for': address }
  const onward = openRequest({
    ...{ host: 'localhost', port, method, path: url, agent: false },
    headers: { ...headers, ...forwarded, connection: 'close' },
  })
  response.on('close', () => onward.destroy())
  onward.end(body)
  try {
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    const { connection: __, 'keep-alive': ___, 'transfer-encoding': ____, ...answered } = answer.headers
    response.writeHead(answer.statusCode ?? 0, answered)
    response.flushHeaders()
    const chunks: Buffer[] = []
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      response.write(chunk)
    }
    response.end()
    if (!response.writableFinished) await once(response, 'finish')
    return { status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }
  } catch {
    response.destroy()
    return { status: 0, body: '' }
  }
}

function read(body: string): Readonly<Record<string, string | undefined>> {
  try {
    return JSON.parse(body) as Record<string, string>
  } catch {
    return {}
  }
}
