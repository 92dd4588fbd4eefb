import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { createOpenStreams } from './stream-limits.ts'

verifies('M18', 'streams are counted by subject, by address and in all; who is refused one takes no place', () => {
  const streams = createOpenStreams({ perSubject: 2, perAddress: 3, total: 5 })
  const [first] = [streams.take('a', '203.0.113.1'), streams.take('a', '203.0.113.1')]
  expect(streams.take('a', '203.0.113.2'), 'the third of one subject').toBeUndefined()
  expect(streams.take('b', '203.0.113.1')).toBeDefined()
  expect(streams.take('c', '203.0.113.1'), 'the fourth of one address').toBeUndefined()
  expect(streams.take('c', '203.0.113.2')).toBeDefined()
  expect(streams.take('d', '203.0.113.3')).toBeDefined()
  expect(streams.take('e', '203.0.113.4'), 'the sixth of all').toBeUndefined()
  first?.()
  first?.() // given back once, however often it is said
  expect(streams.take('e', '203.0.113.4')).toBeDefined()
  expect(streams.take('f', '203.0.113.5')).toBeUndefined()
})

verifies('M18', 'the addresses of one IPv6 network of 48 bits are one', () => {
  const streams = createOpenStreams({ perSubject: 2, perAddress: 2, total: 9 })
  for (const [subject, network] of [
    ['a', 1],
    ['b', 2],
  ] as const)
    expect(streams.take(subject, `2001:db8:1:${network}::1`)).toBeDefined()
  expect(streams.take('c', '2001:db8:1:3::1')).toBeUndefined()
  expect(streams.take('c', '2001:db8:2::1')).toBeDefined()
})
