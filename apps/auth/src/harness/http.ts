// Plain HTTP as a client that is not a browser speaks it: no redirects followed, any header may be set, Host included.
import { Agent, type IncomingHttpHeaders, request as send } from 'node:http'
import { evidence } from './evidence.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON. Throws if it is something else. */
  readonly json: OAuthAnswer
}

/** The members of OAuth answers that tests read; anything else is `unknown`. */
export interface OAuthAnswer {
  readonly [member: string]: unknown
  readonly error?: string
  readonly error_description?: string
  readonly access_token?: string
  readonly refresh_token?: string
  readonly id_token?: string
  readonly scope?: string
  readonly device_code?: string
  readonly user_code?: string
  readonly client_id?: string
  readonly client_secret?: string
}

export type Headers = Readonly<Record<string, string>>
/** A list of pairs where a name comes twice. */
export type Fields = Readonly<Record<string, string>> | readonly (readonly [string, string])[]

export interface Http extends Disposable {
  exchange(options: { method: string; path: string; headers?: Headers; body?: string | Buffer }): Promise<Answer>
}

/** Speaks to 127.0.0.1, whatever name the Host header gives. */
export function createHttp(port: number, host: string): Http {
  const agent = new Agent({ keepAlive: true })
  return {
    exchange({ method, path, headers = {}, body }) {
      return new Promise((resolve, reject) => {
        const request = send(
          { agent, host: '127.0.0.1', port, method, path, headers: { host, ...headers } },
          (response) => {
            const chunks: Buffer[] = []
            response.on('data', (chunk: Buffer) => chunks.push(chunk))
            response.on('error', reject)
            response.on('end', () => {
              const answer = read(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString('utf8'))
              collect(answer)
              resolve(answer)
            })
          },
        )
        request.on('error', reject)
        request.end(body)
      })
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}

export function encodeForm(fields: Fields): string {
  return new URLSearchParams(fields as [string, string][]).toString()
}

function read(status: number, headers: IncomingHttpHeaders, text: string): Answer {
  return {
    status,
    headers,
    text,
    get json() {
      return JSON.parse(text) as OAuthAnswer
    },
  }
}

const secretMembers = [
  'access_token',
  'refresh_token',
  'id_token',
  'device_code',
  'user_code',
  'client_secret',
] as const

/** Notes what is secret in an answer, and what an error says. */
function collect({ status, headers, text }: Answer): void {
  for (const cookie of headers['set-cookie'] ?? []) evidence.plant('cookie', cookie.split(';')[0]?.split('=')[1])
  const to = URL.parse(headers.location ?? '', 'http://localhost')
  evidence.plant('code', to?.searchParams.get('code'))
  // anyone who is answered sent the state
  if (to?.searchParams.has('error')) evidence.error(String([...to.searchParams].filter(([name]) => name !== 'state')))
  if (!text || !headers['content-type']?.startsWith('application/json')) return
  const body = JSON.parse(text) as OAuthAnswer
  for (const member of secretMembers) evidence.plant(member, body[member])
  evidence.plant('user_code', body.user_code?.replace('-', ''))
  if (status >= 400) evidence.error(text)
}
