// The program on this computer that an app's sign-in returns to: a loopback HTTP server with one path.
import { createServer } from 'node:http'
import { listen } from '@gatehouse/testing'

export interface Callback extends AsyncDisposable {
  /** The redirect address to register. */
  readonly url: string
  /** The next answer that a browser brings: the whole address, with its query. */
  readonly answer: () => Promise<URL>
}

export async function openCallback(): Promise<Callback> {
  const waiting: ((url: URL) => void)[] = []
  const arrived: URL[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', origin)
    if (url.pathname !== '/callback') {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Back at the app</h1>')
    const next = waiting.shift()
    if (next) next(url)
    else arrived.push(url)
  })
  const { origin, stop } = await listen(server)
  return {
    url: `${origin}/callback`,
    answer: () => {
      const url = arrived.shift()
      return url ? Promise.resolve(url) : new Promise((resolve) => waiting.push(resolve))
    },
    [Symbol.asyncDispose]: stop,
  }
}
