// GET /: what this server is, for anyone who opens its address. Beside it, the style sheet of every page.
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { describeLogin } from './logins/index.ts'
import { letsEverybodyIn } from './logins/login.ts'
import { pageHeaders } from './pages/headers.ts'
import { homePage, stylesheet } from './pages/index.ts'
import type { ResourcePolicy } from './provider/resources.ts'

export function registerStartPage(
  app: FastifyInstance,
  { issuer, logins }: Config,
  resources: Pick<ResourcePolicy, 'all'>,
): void {
  const open = logins.map(describeLogin).filter(letsEverybodyIn)
  app.get(stylesheet.path, (_request, reply) =>
    reply
      .headers({
        'content-type': 'text/css; charset=utf-8',
        'cache-control': 'public, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
      })
      .send(stylesheet.css),
  )
  app.get('/', (_request, reply) =>
    reply.headers(pageHeaders).send(
      homePage({
        issuer,
        resources: resources.all.map(({ name, resource }) => ({ name, url: resource })),
        loginHint: open.map(({ label }) => `The ${label} is on: it lets everybody in.`).join(' '),
      }),
    ),
  )
}
