import { expect, test } from 'vitest'
import { isLoopbackHost } from './loopback.ts'

const hostOf = (address: string) => new URL(address).hostname

test('this machine by its name and by its numbers, however a URL has them', () => {
  for (const address of [
    'http://localhost:4000/',
    'http://LOCALHOST',
    'http://localhost.',
    'http://127.0.0.1',
    'http://127.0.0.1.',
    'http://127.1',
    'http://2130706433',
    'http://127.255.255.254:1',
    'http://[::1]:4',
    'http://[0:0:0:0:0:0:0:1]',
  ])
    expect([address, isLoopbackHost(hostOf(address))]).toEqual([address, true])
})

test('no other name and no other number, whatever it looks like', () => {
  for (const address of [
    'http://localhost.example.com',
    'http://localhost..',
    'http://app.localhost',
    'http://mylocalhost',
    'http://127.0.0.1.example.com',
    'http://128.0.0.1',
    'http://0.0.0.0',
    'http://[::]',
    'http://[::127.0.0.1]',
    'http://[::ffff:127.0.0.1]',
    'http://10.0.0.1',
    'app:/',
  ])
    expect([address, isLoopbackHost(hostOf(address))]).toEqual([address, false])
})
