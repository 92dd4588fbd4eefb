import type { FastifyBaseLogger, FastifyServerOptions } from 'fastify'
import { createAddressReader } from './forwarding.ts'
import { originForm } from './own-name.ts'
import { seldom } from './seldom.ts'

/** Options for Fastify: requests as everything after them takes them for granted, whatever stands in front of us. */
export function requestReading(trustProxy: readonly string[]): Pick<FastifyServerOptions, 'trustProxy' | 'rewriteUrl'> {
  const readAddresses = createAddressReader(trustProxy)
  const warn = seldom((log: FastifyBaseLogger) =>
    log.warn('X-Forwarded-For has something that is no address: the proxy that sent it counts in its place'),
  )
  return {
    trustProxy: trustProxy.length > 0 ? [...trustProxy] : false,
    // before the request is logged, and on every socket that Fastify listens on
    rewriteUrl(request) {
      if (!readAddresses(request)) warn(this.log)
      return originForm(request.url ?? '')
    },
  }
}
