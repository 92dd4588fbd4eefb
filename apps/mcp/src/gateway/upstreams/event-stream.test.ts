import { expect, test } from 'vitest'
import { UpstreamError } from './contract.ts'
import { readEvents } from './event-stream.ts'
import { createInflow } from './inflow.ts'
import { countMessages } from './message-bytes.ts'

const lines = [
  ': a comment',
  'retry: 1500',
  '',
  'id: 1',
  'data:',
  '',
  'event: message',
  'id: é2',
  'data: {"a":',
  'data: "ä – 😀"}',
  '',
  'event: other',
  'data: not for us',
  '',
  'unknown: x',
  'data: {"b":2}',
  '',
  'data: not whole',
]
const expected = ['retry 1500', 'id 1', 'id é2', 'data {"a":\n"ä – 😀"}', 'data {"b":2}']

function heardOf(...chunks: readonly Uint8Array[]): string[] {
  const heard: string[] = []
  const read = readEvents({
    onmessage: (data) => heard.push(`data ${data}`),
    onid: (id) => heard.push(`id ${id}`),
    onretry: (pause) => heard.push(`retry ${pause}`),
  })
  for (const chunk of chunks) read(chunk)
  return heard
}

test.each([
  ['LF', '\n', ''],
  ['CR LF', '\r\n', ''],
  ['LF, after a mark of the byte order', '\n', '\uFEFF'],
])('events with lines that end in %s are the same wherever their bytes are split', (_name, end, mark) => {
  const bytes = Buffer.from(mark + lines.join(end))
  expect(heardOf(bytes)).toEqual(expected)
  expect(heardOf(...Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual(expected)
  for (let at = 0; at <= bytes.length; at += 1)
    expect(heardOf(bytes.subarray(0, at), bytes.subarray(at))).toEqual(expected)
})

test('an event of 9 MB is one event, in how many chunks it comes', () => {
  const bytes = Buffer.from(`data: ${'é'.repeat(4_500_000)}\n\n`)
  const chunks = Array.from({ length: 150 }, (_, at) => bytes.subarray(at * 65_537, (at + 1) * 65_537))
  expect(heardOf(...chunks)).toEqual([`data ${'é'.repeat(4_500_000)}`])
})

/** How much of a stream is taken before it is refused. */
function takenOf(bytes: Buffer, size: number, isStream = true): number {
  const count = countMessages('one', isStream, createInflow(1).open())
  for (let at = 0; at < bytes.length; at += size) {
    try {
      count(bytes.subarray(at, at + size))
    } catch (error) {
      expect(error).toBeInstanceOf(UpstreamError)
      return at
    }
  }
  return bytes.length
}

test.each(['\n', '\r\n'])('each event may have 10 MB, and all of them more: %j', (end) => {
  const event = Buffer.from(`data: ${'x'.repeat(4 * 1024 * 1024)}${end}id: 1${end}${end}`)
  const many = Buffer.concat(Array.from({ length: 5 }, () => event))
  for (const size of [65_537, 65_536, event.length, event.length - 1, event.length - 2, many.length / 2])
    expect(takenOf(many, Math.ceil(size))).toBe(many.length)
  expect(takenOf(many, 65_536, false)).toBe(10 * 1024 * 1024)
  const one = Buffer.from(`data: ${'x'.repeat(11 * 1024 * 1024)}${end}${end}`)
  expect(takenOf(one, 65_536)).toBe(10 * 1024 * 1024)
})

test('the end of an event counts wherever its bytes are split', () => {
  for (const end of ['\n', '\r\n']) {
    const bytes = Buffer.from(`data: ${'x'.repeat(20)}${end}${end}data: y`)
    for (let at = 0; at <= bytes.length; at += 1) {
      let ends = 0
      const done = () => {
        ends += 1
      }
      const count = countMessages('one', true, { take: () => undefined, done })
      count(bytes.subarray(0, at))
      count(bytes.subarray(at))
      expect([at, ends]).toEqual([at, 1])
    }
  }
})
