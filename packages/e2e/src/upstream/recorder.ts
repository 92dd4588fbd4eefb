// Stands at a service's public address, hands every request on as it is, and keeps every answer: to look for what must
// never be in one.
import { once } from 'node:events'
import { createServer, request as openRequest } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface Answer {
  /** Without the query. */
  readonly path: string
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Recorder extends AsyncDisposable {
  /** Oldest first. */
  readonly answers: readonly Answer[]
}

/** Listens on a port of localhost, for what listens on another. */
export async function startRecorder(port: number, target: number): Promise<Recorder> {
  const answers: Answer[] = []
  const server = createServer((request, response) => {
    const { method, url: path = '', headers } = request
    const onward = openRequest({ host: 'localhost', port: target, method, path, headers, agent: false })
    onward.on('error', () => response.destroy())
    onward.on('response', async (answer) => {
      const { statusCode: status = 0, headers: answered } = answer
      const body = await buffer(answer)
      answers.push({ path: path.split('?')[0] ?? '', status, headers: answered, body: body.toString() })
      response.writeHead(status, { ...answered, connection: 'close' }).end(body)
    })
    request.pipe(onward)
  })
  server.listen(port, 'localhost')
  await once(server, 'listening')
  return {
    answers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
