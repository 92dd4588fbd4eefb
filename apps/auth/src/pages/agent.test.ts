import { expect, test } from 'vitest'
import { describeAgent } from './agent.ts'

const windows =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36'
const mac =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15'

test.each([
  ['curl/8.5.0', 'curl'],
  ['curl/8.5.0 (x86_64-pc-linux-gnu)', 'curl on Linux'],
  [windows, 'Chrome on Windows'],
  [`${windows} Edg/150.0`, 'Edge on Windows'],
  [mac, 'Safari on macOS'],
  [mac.replace('Macintosh; Intel Mac OS X', 'iPhone; CPU iPhone OS 19 like Mac OS X'), 'Safari on an iPhone'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  ['Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/150.0 Mobile Safari/537.36', 'Chrome on Android'],
  ['gatehouse-client/0.1.0 (linux; node 24)', 'the Gatehouse client on Linux'],
  ['node', 'a Node program'],
  ['python-requests/2.32', 'a Python program'],
  ['Go-http-client/1.1', 'a Go program'],
  ['my-tool/1.0', 'an unknown program, “my-tool”'],
  ['Mozilla/5.0', 'an unknown program'],
  ['', 'an unknown program'],
  [undefined, 'an unknown program'],
])('%j is "%s"', (agent, words) => {
  expect(describeAgent(agent)).toBe(words)
})

test('an agent that tells tales is cut, and stripped of what cannot be seen', () => {
  const tale = describeAgent(`your-own-laptop-do-approve-this-please\u202e${'/x'.repeat(5000)} (Windows)`)
  expect(tale).toBe('an unknown program, “your-own-laptop-do-appr…”')
  expect(describeAgent('<script>alert(1)</script>')).toBe('an unknown program')
  expect(describeAgent(`${'a'.repeat(90)} (Macintosh)`).length).toBeLessThanOrEqual(64)
})
