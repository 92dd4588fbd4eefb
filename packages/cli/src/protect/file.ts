// The file that says what is protected: the same for the two services in this process, and for `--save`.
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Environment } from '@gatehouse/shared'
import { stringify } from 'yaml'
import type { ProtectOptions, Target } from './options.ts'

export interface FileOptions extends Pick<ProtectOptions, 'target' | 'env'> {
  /** Whether it is the older HTTP+SSE. */
  readonly isSse: boolean
  /** The person's. */
  readonly environment: Environment
  /** The folder that the command runs in. */
  readonly folder: string
  readonly home: string
}

/** A header for the server is never an argument: others can see those. */
export const authorizationVariable = 'UPSTREAM_AUTHORIZATION'

/** `endpoint`: undefined for a file of the person's own, which leaves that to its place. */
export function gatewayFile(options: FileOptions, endpoint: { readonly resource: string } | undefined): string {
  const name = nameOf(options.target)
  const upstream =
    'url' in options.target ? remote(options.target.url, options) : command(options.target.command, options)
  return stringify({
    version: 1,
    ...(endpoint && { endpoints: [{ resource: endpoint.resource, name, upstreams: [name] }] }),
    upstreams: { [name]: upstream },
  })
}

function remote(url: string, { isSse, environment }: FileOptions): object {
  const value = { env: authorizationVariable }
  return {
    url,
    ...(isSse && { transport: 'sse' }),
    ...(environment[authorizationVariable] && { credential: { kind: 'header', header: 'Authorization', value } }),
  }
}

function command(words: readonly [string, ...string[]], { env, environment, folder, home }: FileOptions): object {
  const named = env.map((variable) => [variable, { env: variable }])
  const all = Object.fromEntries([...(isNpm(words) ? npmSettings(environment, home) : []), ...named])
  return { command: words, cwd: folder, ...(Object.keys(all).length > 0 && { env: all }) }
}

function isNpm([program]: readonly [string, ...string[]]): boolean {
  return /^(npx|npm|pnpm|pnpx|bunx|yarn)(\.cmd)?$/.test(basename(program))
}

/** What a registry is reached by. */
const ofNpm =
  /^(npm_config_(userconfig|globalconfig|cache|registry|cafile)|node_extra_ca_certs|ssl_cert_file|https?_proxy|no_proxy)$/i

/** Their HOME is private, so where npm's settings and its cache are has to be said. */
function npmSettings(environment: FileOptions['environment'], home: string): [string, unknown][] {
  const given = Object.keys(environment).filter((name) => ofNpm.test(name) && environment[name])
  const has = (name: string) => given.some((one) => one.toLowerCase() === name)
  const settings = join(home, '.npmrc')
  return [
    ...(has('npm_config_userconfig') || !existsSync(settings) ? [] : [['npm_config_userconfig', settings]]),
    ...(has('npm_config_cache') ? [] : [['npm_config_cache', join(home, '.npm')]]),
    ...given.map((name) => [name, { env: name }]),
  ] as [string, unknown][]
}

const runners = /^(npx|npm|pnpm|pnpx|bunx|yarn|uvx|uv|node|bun|deno|python3?|exec|run|dlx|x)$/

/** Parts of a path that are called so everywhere. */
const untelling = /^(|\.{1,2}|index|main|cli|server|dist|build|lib|src|bin|node_modules)$/

/** `[a-z][a-z0-9-]{0,19}`, from what the server is called. */
export function nameOf(target: Target): string {
  const words = 'url' in target ? [new URL(target.url).hostname.split('.')[0] ?? ''] : target.command
  const telling = words.find((word) => !word.startsWith('-') && !runners.test(basename(word))) ?? words[0] ?? ''
  const parts = telling.split('/').map((part) => part.replace(/\.[a-z0-9]{1,4}$/i, ''))
  const [bare = ''] = (parts.findLast((part) => !untelling.test(part)) ?? '').replace(/^@/, '').split('@')
  const name = bare
    .toLowerCase()
    .replace(/^(mcp-)?(server-)?/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 20)
    .replace(/-+$/, '')
  return name === '' || name === 'builtin' ? 'server' : name
}
