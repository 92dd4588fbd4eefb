// Where the browser returns to (RFC 8252 §7.3): a page on 127.0.0.1, on a free port, for one sign-in.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Callback {
  /** The address the browser came to, with the answer in its query. */
  readonly url: URL
  /** Tells the person in the browser how it ended. */
  respond(heading: string, advice: string): void
}

export interface LoopbackListener extends AsyncDisposable {
  readonly redirectUri: string
  /** The first request that carries the `state`; any other gets 404 or 400 and changes nothing. */
  callback(state: string): Promise<Callback>
}

/** Listens on 127.0.0.1 only. Other programs of this computer can reach it: `state` and PKCE are what keeps them out. */
export async function listenOnLoopback(): Promise<LoopbackListener> {
  const arrived = Promise.withResolvers<Callback>()
  let expected: string | undefined
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? '/', redirectUri) // anything may be asked: `//[` is no address at all
    const here = url !== null && `${url.origin}${url.pathname}` === redirectUri
    if (!here || request.method !== 'GET' || request.headers.host !== url.host) {
      return page(response, 404, 'There is nothing here', 'Go back to your terminal.')
    }
    if (expected === undefined || url.searchParams.get('state') !== expected) {
      return page(response, 400, 'This is not the answer to your sign-in', 'Start again from your terminal.')
    }
    arrived.resolve({ url, respond: (heading, advice) => page(response, 200, heading, advice) })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`

  return {
    redirectUri,
    callback(state) {
      expected = state
      return arrived.promise
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      setTimeout(() => server.closeAllConnections(), 1000).unref()
      await closed
    },
  }
}

/** Both texts are ours; nothing of the request is shown. */
function page(response: ServerResponse, status: number, heading: string, advice: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    connection: 'close',
  })
  response.end(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${heading}</title>
<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui;max-width:26rem;margin:20vh auto;padding:0 1rem}</style>
<h1>${heading}</h1><p>${advice}</p>
</html>
`)
}
