import { expect, test } from 'vitest'
import { type RedisSettings, readRedisTarget } from './redis-target.ts'

const nothing: RedisSettings = {
  url: undefined,
  sentinels: undefined,
  sentinelMaster: undefined,
  sentinelUsername: undefined,
  sentinelPassword: undefined,
  cluster: undefined,
}

function read(settings: Partial<RedisSettings>) {
  const faults: string[] = []
  return { target: readRedisTarget({ ...nothing, ...settings }, faults), faults }
}

test('without a setting there is no Redis, and an empty one counts as none', () => {
  expect(read({})).toEqual({ target: undefined, faults: [] })
  expect(read({ url: '', sentinels: '', cluster: '', sentinelMaster: '' })).toEqual({ target: undefined, faults: [] })
})

test('a URL alone is a single Redis, as it was written', () => {
  const url = 'rediss://auth:p%40ss@redis:6380/2'
  expect(read({ url })).toEqual({ target: { kind: 'single', url }, faults: [] })
})

test('Sentinels lead to a master whose account and database are those of the URL', () => {
  const settings = {
    url: 'rediss://auth:p%40ss@unused/2',
    sentinels: 'one:26380, two ,[::1]:26381',
    sentinelUsername: 'asker',
    sentinelPassword: 'hunter2',
  }
  expect(read(settings)).toEqual({
    target: {
      kind: 'sentinel',
      sentinels: [
        { host: 'one', port: 26_380 },
        { host: 'two', port: 26_379 },
        { host: '::1', port: 26_381 },
      ],
      master: 'mymaster',
      sentinelUsername: 'asker',
      sentinelPassword: 'hunter2',
      tls: true,
      username: 'auth',
      password: 'p@ss',
      database: 2,
    },
    faults: [],
  })
  expect(read({ sentinels: 'one', sentinelMaster: 'gatehouse' }).target).toMatchObject({
    master: 'gatehouse',
    tls: false,
    password: undefined,
    database: 0,
  })
})

test('a cluster has nodes and the account of the URL', () => {
  expect(read({ url: 'redis://:hunter2@unused', cluster: '10.0.0.1:7000,10.0.0.2' })).toEqual({
    target: {
      kind: 'cluster',
      nodes: [
        { host: '10.0.0.1', port: 7000 },
        { host: '10.0.0.2', port: 6379 },
      ],
      tls: false,
      username: undefined,
      password: 'hunter2',
    },
    faults: [],
  })
})

test('every fault is told at once, and none repeats a secret', () => {
  const { faults } = read({
    url: 'redis://auth:hunter2@redis/3',
    sentinels: 'redis://one:1, two:99999, :3',
    cluster: 'a/b, auth:hunter2@c, d:0',
    sentinelPassword: 'hunter3',
  })
  expect(faults).toEqual([
    'REDIS_SENTINELS takes addresses such as redis-1:26379, comma-separated: "redis://one:1" is not one.',
    'REDIS_SENTINELS takes addresses such as redis-1:26379, comma-separated: "two:99999" is not one.',
    'REDIS_SENTINELS takes addresses such as redis-1:26379, comma-separated: ":3" is not one.',
    'REDIS_CLUSTER takes addresses such as redis-1:6379, comma-separated: "a/b" is not one.',
    'REDIS_CLUSTER takes addresses such as redis-1:6379, comma-separated: one with an @ is not one.',
    'REDIS_CLUSTER takes addresses such as redis-1:6379, comma-separated: "d:0" is not one.',
    'REDIS_SENTINELS and REDIS_CLUSTER are both set: set one.',
  ])
  expect(read({ sentinelMaster: 'm', sentinelUsername: 'u', sentinelPassword: 'hunter2' }).faults).toEqual([
    'REDIS_SENTINEL_MASTER is set and REDIS_SENTINELS is not: set both.',
    'REDIS_SENTINEL_USERNAME is set and REDIS_SENTINELS is not: set both.',
    'REDIS_SENTINEL_PASSWORD is set and REDIS_SENTINELS is not: set both.',
  ])
  expect(read({ url: 'redis://redis/1', cluster: 'one' }).faults).toEqual([
    'REDIS_URL names a database: a cluster (REDIS_CLUSTER) has none.',
  ])
  expect(read({ sentinels: ' , ' }).faults).toEqual(['REDIS_SENTINELS names nobody.'])
})

test.each([
  ['http://:hunter2@redis', 'REDIS_URL must be a redis:// or rediss:// URL.'],
  ['hunter2', 'REDIS_URL must be a redis:// or rediss:// URL.'],
  ['redis://redis/hunter2', 'REDIS_URL has a path that is no database number.'],
  ['redis://:hunter2%zz@redis', 'REDIS_URL has a user or a password with a stray %: write it as %25.'],
])('%s is refused without being repeated', (url, fault) => expect(read({ url }).faults).toEqual([fault]))
