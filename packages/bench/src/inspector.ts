/**
 * Megabytes that a Node.js process keeps: its heap and what belongs to it outside, after garbage was collected.
 *
 * @param port where its inspector listens: `--inspect` was among its options.
 */
export async function keptMemory(port: number): Promise<number> {
  const listed = await fetch(`http://127.0.0.1:${port}/json/list`)
  const [target] = (await listed.json()) as [{ readonly webSocketDebuggerUrl: string }]
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  const event = (name: 'open' | 'message') =>
    new Promise<{ readonly data?: string }>((resolve, reject) => {
      socket.addEventListener(name, (event) => resolve(event as { data?: string }), { once: true })
      socket.addEventListener('error', () => reject(new Error('The inspector does not answer')), { once: true })
    })
  const ask = async (method: string, params: object = {}) => {
    const answer = event('message')
    socket.send(JSON.stringify({ id: 1, method, params }))
    return (await answer).data ?? ''
  }
  await event('open')
  await ask('HeapProfiler.collectGarbage')
  const expression = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())'
  const { result } = JSON.parse(await ask('Runtime.evaluate', { expression }))
  socket.close()
  return result.result.value / 1024 ** 2
}
