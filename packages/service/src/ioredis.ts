// The client for Redis, loaded when it is first needed: a service that keeps its data in SQLite never does.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export function ioredis(): typeof import('ioredis') {
  return require('ioredis')
}
