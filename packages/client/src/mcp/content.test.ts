import { expect, test } from 'vitest'
import { resultText } from './content.ts'

test('text is printed, what is not text is named, and structured content stands in where there is nothing else', () => {
  const data = Buffer.alloc(3000).toString('base64')
  const content = [
    { type: 'text' as const, text: 'one\ntwo' },
    { type: 'image' as const, data, mimeType: 'image/png' },
    { type: 'resource_link' as const, name: 'log', uri: 'file:///log\u001b[31m' },
    { type: 'resource' as const, resource: { uri: 'file:///a', text: 'inside' } },
    { type: 'resource' as const, resource: { uri: 'file:///b', blob: data } },
  ]
  expect(resultText({ content })).toBe(`one
two
[image, image/png, 3 KiB: use --json to get it]
[log: file:///log]
inside
[file:///b: use --json to get it]`)
  expect(resultText({ content: [], structuredContent: { a: 1 } })).toBe('{\n  "a": 1\n}')
})
