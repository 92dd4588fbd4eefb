import { expect, test } from 'vitest'
import { readBounded } from './bounded-body.ts'

const tooMuch = () => new RangeError('too much')

test('a body is read to its last byte, up to the limit and not beyond', async () => {
  expect(await readBounded(null, 0, tooMuch)).toEqual(Buffer.alloc(0))
  expect(await readBounded(new Response('').body, 0, tooMuch)).toEqual(Buffer.alloc(0))
  expect((await readBounded(new Response('äöü').body, 6, tooMuch)).toString()).toBe('äöü')
  await expect(readBounded(new Response('äöü').body, 5, tooMuch)).rejects.toThrow('too much')
})

test('of a body without an end no more is asked for than it takes to know, and it is cancelled', async () => {
  let given = 0
  let isCancelled = false
  const endless = new ReadableStream<Uint8Array>(
    {
      pull: (stream) => {
        given += 1
        stream.enqueue(new Uint8Array(10))
      },
      cancel: () => {
        isCancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  await expect(readBounded(endless, 35, tooMuch)).rejects.toThrow('too much')
  expect([given, isCancelled]).toEqual([4, true])
})
