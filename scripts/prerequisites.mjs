// What the tests need from the machine besides Node and the packages: a Redis to run against and, on Linux x64, the
// system libraries of the browser that comes from npm. What is missing is a failure, never a skip.
import { accessSync, constants, existsSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'

/** One text for each prerequisite that is missing: what it is, and how to provide it. */
export async function missingPrerequisites(env = process.env) {
  return [missingBrowser(env), await missingRedis(env)].filter((text) => text !== undefined)
}

function missingBrowser(env) {
  if (env.CHROMIUM_PATH) {
    return existsSync(env.CHROMIUM_PATH) ? undefined : `CHROMIUM_PATH names ${env.CHROMIUM_PATH}, which does not exist.`
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `A browser: the one from npm runs on Linux x64 only. Set CHROMIUM_PATH to the program file of a Chrome or Chromium.`
  }
  const folders = [
    ...(env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(Boolean),
    ...[
      '/lib',
      '/usr/lib',
      '/lib64',
      '/usr/lib64',
      '/lib/x86_64-linux-gnu',
      '/usr/lib/x86_64-linux-gnu',
      '/usr/local/lib',
    ],
  ]
  const missing = ['libnss3.so', 'libnspr4.so'].filter(
    (name) => !folders.some((folder) => existsSync(join(folder, name))),
  )
  if (missing.length === 0) return undefined
  return `System libraries of the browser: ${missing.join(', ')}. Debian, Ubuntu: apt-get install libnss3 libnspr4. Fedora: dnf install nss nspr. Or set CHROMIUM_PATH.`
}

async function missingRedis(env) {
  if (env.TEST_REDIS_URL) {
    return (await redisAnswers(env.TEST_REDIS_URL))
      ? undefined
      : 'A Redis: nothing answers at TEST_REDIS_URL. Start it there, or unset the variable.'
  }
  if (onPath('redis-server', env) || onPath('valkey-server', env)) return undefined
  if (await dockerAnswers(env.DOCKER_HOST)) return undefined
  return 'A Redis: one of TEST_REDIS_URL=redis://…, a running Docker engine, or redis-server (or valkey-server) on PATH. Debian, Ubuntu: apt-get install redis-server.'
}

function onPath(program, { PATH = '' }) {
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function redisAnswers(address) {
  const { hostname, port } = URL.parse(address) ?? {}
  if (!hostname) return false
  return settles((done) => connect({ host: hostname, port: Number(port || 6379) }, () => done(true)))
}

function dockerAnswers(host = 'unix:///var/run/docker.sock') {
  const url = URL.parse(host)
  if (!url) return false
  const target = url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port }
  return settles((done) => request({ ...target, path: '/_ping' }, ({ statusCode }) => done(statusCode === 200)).end())
}

/** Whether the connection that `open` makes comes to something within two seconds. */
function settles(open) {
  return new Promise((resolve) => {
    const connection = open((result) => {
      connection.destroy()
      resolve(result)
    })
    connection.on('error', () => resolve(false))
    connection.setTimeout(2000, () => {
      connection.destroy()
      resolve(false)
    })
  })
}
