// What the tests need from the machine besides Node and the packages: a Redis to run against and, on Linux x64, the
// system libraries of the browser that comes from npm. What is missing is a failure, never a skip.
import { accessSync, constants, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'

const ofTests = createRequire(join(import.meta.dirname, '../packages/testing/package.json'))

/** One text for each prerequisite that is missing: what it is, and how to provide it. */
export async function missingPrerequisites(env = process.env) {
  return [missingBrowser(env), await missingRedis(env)].filter((text) => text !== undefined)
}

function missingBrowser(env) {
  if (env.CHROMIUM_PATH) {
    return existsSync(env.CHROMIUM_PATH) ? undefined : `CHROMIUM_PATH names ${env.CHROMIUM_PATH}, which does not exist.`
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return 'A browser: the one from npm runs on Linux x64 only. Set CHROMIUM_PATH to the program file of a Chrome or Chromium.'
  }
  const folders = [
    ...(env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(Boolean),
    ...['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib'],
    ...['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu'],
  ]
  const missing = ['libnss3.so', 'libnspr4.so', 'libexpat.so.1'].filter(
    (name) => !folders.some((folder) => existsSync(join(folder, name))),
  )
  if (missing.length === 0) return undefined
  return `System libraries of the browser: ${missing.join(', ')}. Debian, Ubuntu: apt-get install libnss3 libnspr4 libexpat1. Fedora: dnf install nss nspr expat. Or set CHROMIUM_PATH.`
}

async function missingRedis(env) {
  if (env.TEST_REDIS_URL) {
    if (await answers(env.TEST_REDIS_URL)) return undefined
    return 'A Redis: nothing answers at TEST_REDIS_URL. Start it there, or unset the variable.'
  }
  if (redisServer(env) || (await dockerAnswers())) return undefined
  return 'A Redis: one of TEST_REDIS_URL=redis://…, a running Docker engine, or redis-server (or valkey-server) on PATH. Debian, Ubuntu: apt-get install redis-server.'
}

function redisServer({ PATH = '' }) {
  return PATH.split(delimiter)
    .flatMap((folder) => [join(folder, 'redis-server'), join(folder, 'valkey-server')])
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** Found as the tests find it. */
export function dockerAnswers() {
  return ofTests('testcontainers')
    .getContainerRuntimeClient()
    .then(
      () => true,
      () => false,
    )
}

function answers(address) {
  const { hostname, port } = URL.parse(address) ?? {}
  if (!hostname) return Promise.resolve(false)
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port || 6379), timeout: 2000 })
    const finish = (result) => {
      socket.destroy()
      resolve(result)
    }
    socket.on('connect', () => finish(true))
    socket.on('error', () => finish(false))
    socket.on('timeout', () => finish(false))
  })
}
