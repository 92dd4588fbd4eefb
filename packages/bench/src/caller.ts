import { Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

type Headers = Readonly<Record<string, string>>

export interface Caller extends Disposable {
  readonly port: number
  readonly get: (path: string) => Promise<Answer>
  readonly post: (path: string, form: Readonly<Record<string, string>>, headers?: Headers) => Promise<Answer>
  readonly postJson: (path: string, body: object, headers?: Headers) => Promise<Answer>
}

/** Asks a server at 127.0.0.1 as a proxy in front of it does: connections are kept, and there are as many as needed. */
export function createCaller(port: number): Caller {
  const agent = new Agent({ keepAlive: true })
  const ask = (method: string, path: string, headers: Headers, body?: string): Promise<Answer> =>
    new Promise<Answer>((resolve, reject) => {
      const options = { agent, host: '127.0.0.1', port, method, path }
      const asked = request({ ...options, headers: { host: `localhost:${port}`, ...headers } }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
        response.on('error', reject)
      })
      asked.on('error', (error: NodeJS.ErrnoException) => {
        // the server closed a connection that nobody used for a while, and did not see the request
        if (asked.reusedSocket && error.code === 'ECONNRESET') ask(method, path, headers, body).then(resolve, reject)
        else reject(error)
      })
      asked.end(body)
    })
  const send = (path: string, type: string, body: string, headers: Headers = {}) => {
    const own = { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }
    return ask('POST', path, { ...own, ...headers }, body)
  }
  return {
    port,
    get: (path) => ask('GET', path, {}),
    post: (path, form, headers) =>
      send(path, 'application/x-www-form-urlencoded', new URLSearchParams(form).toString(), headers),
    postJson: (path, body, headers) => send(path, 'application/json', JSON.stringify(body), headers),
    [Symbol.dispose]: () => agent.destroy(),
  }
}
