/**
 * The answer that a stream of messages ends with, for a client that reads JSON alone: what a tool says before is not for
 * it. Throws if it is missing. `left` ends the reading.
 */
export async function lastAnswer(body: ReadableStream<Uint8Array>, left: AbortSignal): Promise<string> {
  let [text, answer] = ['', '']
  const decoder = new TextDecoder()
  const reader = body.getReader()
  left.addEventListener('abort', () => void reader.cancel().catch(() => undefined))
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      // Not by a regular expression: what is a line end to one may stand in JSON as it is.
      const data = event
        .split('\n')
        .find((line) => line.startsWith('data: {'))
        ?.slice('data: '.length)
      if (data !== undefined && !('method' in JSON.parse(data))) answer = data
    }
  }
  if (answer === '') throw new Error('a stream ended without an answer')
  return answer
}
