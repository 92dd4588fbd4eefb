import { Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Caller extends Disposable {
  readonly port: number
  readonly get: (path: string) => Promise<Answer>
  readonly post: (
    path: string,
    form: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
}

/** Asks a server at 127.0.0.1 as a proxy in front of it does: connections are kept, and there are as many as needed. */
export function createCaller(port: number): Caller {
  const agent = new Agent({ keepAlive: true })
  const ask = (method: string, path: string, headers: Readonly<Record<string, string>>, body?: string) =>
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
      asked.on('error', reject)
      asked.end(body)
    })
  return {
    port,
    get: (path) => ask('GET', path, {}),
    post(path, form, headers = {}) {
      const body = new URLSearchParams(form).toString()
      const own = {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(Buffer.byteLength(body)),
      }
      return ask('POST', path, { ...own, ...headers }, body)
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}
