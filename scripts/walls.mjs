// Who may import what, between the folders of a package: the one table. biome.walls.json is made of it (--write), and
// checked against it. Between packages it is the tags of turbo.json. Tests and suites are free.
//
// Of several rows that a file matches the last one counts, alone: a row says all that its files may import.

/** Node's own modules. */
const node = ['node:*', 'node:*/*']
/** The folder itself, and what is below it. */
const own = './**'
const fastify = ['fastify', 'fastify-plugin', '@fastify/**']

/** Files of the client that are about nothing else than themselves. */
const leaves = ['../errors.ts', '../text.ts', '../clock.ts', '../version.ts']

/** `files`: one glob. `may`: what they import; everything else is refused, with the reason `why`. */
export const walls = [
  {
    files: 'apps/auth/src/*.ts',
    may: [own, ...node, ...fastify, '@gatehouse/service', '@gatehouse/shared', 'zod', 'ipaddr.js', 'pino'],
    why: "main, app, config, errors and health are wiring: what is a vendor's lives in the folders.",
  },
  {
    files: 'apps/auth/src/main.ts',
    may: [
      ...node,
      './app.ts',
      './config.ts',
      './errors.ts',
      './store/**',
      '@gatehouse/service',
      '@gatehouse/shared',
      'fastify',
      './keys/**',
      './log.ts',
    ],
    why: 'main.ts reads the configuration, opens the store and starts the app. No logic.',
  },
  {
    files: 'apps/auth/src/config.ts',
    may: [
      ...node,
      './errors.ts',
      './identity/**',
      './store/**',
      '@gatehouse/service',
      '@gatehouse/shared',
      'zod',
      'ipaddr.js',
    ],
    why: 'config.ts is a pure function of the environment.',
  },
  {
    files: 'apps/auth/src/errors.ts',
    may: [...node, '@gatehouse/service', '@gatehouse/shared'],
    why: 'errors.ts imports nothing of ours but the shared types.',
  },
  {
    files: 'apps/auth/src/provider/**',
    may: [
      own,
      ...node,
      ...fastify,
      '../errors.ts',
      '../config.ts',
      '../limits/**',
      '../store/contract.ts',
      '../keys/**',
      '../pages/**',
      '../identity/**',
      '@gatehouse/shared',
      'oidc-provider',
      'oidc-provider/**',
      'keygrip',
      'jose',
      'zod',
      '../xsrf.ts',
      '../interactions/gate.ts',
      'ipaddr.js',
    ],
    why: 'provider/ is the only folder that imports oidc-provider; it knows no interactions and no app.',
  },
  {
    files: 'apps/auth/src/provider/*/**',
    may: [
      own,
      ...node,
      '../*',
      '../../errors.ts',
      '../../limits/**',
      '../../store/contract.ts',
      '../../store/sealing.ts',
      '@gatehouse/shared',
      'ipaddr.js',
      'oidc-provider',
      'oidc-provider/**',
      'zod',
    ],
    why: 'the folders below provider/ know what provider/ knows, and the store by its contract.',
  },
  {
    files: 'apps/auth/src/interactions/**',
    may: [
      own,
      ...node,
      ...fastify,
      '../errors.ts',
      '../identity/**',
      '../pages/**',
      '../store/contract.ts',
      '@gatehouse/shared',
      'zod',
      '../xsrf.ts',
    ],
    why: 'interactions/ knows identity, pages, errors, store types and the interface that provider/ satisfies.',
  },
  {
    files: 'apps/auth/src/identity/**',
    may: [own, ...node, '../errors.ts', '@gatehouse/shared', 'openid-client', 'zod', 'ipaddr.js'],
    why: 'identity/ knows no client, no Fastify and no store.',
  },
  {
    files: 'apps/auth/src/limits/**',
    may: [own, ...node, '../errors.ts', '../store/contract.ts', '@gatehouse/service', 'fastify'],
    why: 'limits/ knows the store contract: what is counted, and for whom.',
  },
  {
    files: 'apps/auth/src/keys/**',
    may: [own, ...node, '../errors.ts', '../store/contract.ts', '@gatehouse/shared', 'jose', 'zod'],
    why: 'keys/ knows the store contract and jose.',
  },
  {
    files: 'apps/auth/src/store/**',
    may: [
      own,
      ...node,
      '../errors.ts',
      '../../errors.ts',
      '../contract.ts',
      '@gatehouse/service',
      '@gatehouse/shared',
      'zod',
    ],
    why: 'store/ is a leaf: it knows neither Fastify nor oidc-provider.',
  },
  {
    files: 'apps/auth/src/pages/**',
    may: [own, ...node, '../errors.ts', '@gatehouse/shared'],
    why: 'pages/ are pure functions from data to HTML.',
  },
  {
    files: 'apps/mcp/src/*.ts',
    may: [
      own,
      ...node,
      ...fastify,
      '@gatehouse/service',
      '@gatehouse/shared',
      '@gatehouse/guard',
      '@gatehouse/guard/*',
      '@gatehouse/mcp-sessions',
      'zod',
      'ipaddr.js',
      'pino',
    ],
    why: 'main, app, config and health are wiring.',
  },
  {
    files: 'apps/mcp/src/main.ts',
    may: [
      ...node,
      './app.ts',
      './config.ts',
      './errors.ts',
      '@gatehouse/service',
      '@gatehouse/shared',
      'fastify',
      '@gatehouse/mcp-sessions',
    ],
    why: 'main.ts reads the configuration and starts the app. No logic.',
  },
  {
    files: 'apps/mcp/src/mcp/**',
    may: [
      own,
      ...node,
      '../errors.ts',
      '../config.ts',
      '../tools/**',
      '@gatehouse/service',
      '@gatehouse/shared',
      '@gatehouse/guard',
      '@gatehouse/guard/*',
      'fastify',
      'fastify-plugin',
      '@modelcontextprotocol/**',
      'zod',
      '@gatehouse/mcp-sessions',
      '../*.ts',
      '../prompts/**',
      '../resources/**',
      'ipaddr.js',
    ],
    why: 'mcp/ serves the tools over the MCP SDK.',
  },
  {
    files: 'apps/mcp/src/tools/**',
    may: [own, ...node, '../errors.ts', '@gatehouse/shared', '@modelcontextprotocol/**', 'zod'],
    why: 'a tool knows its own shape and nothing of HTTP.',
  },
  {
    files: 'packages/shared/src/**',
    may: [own, 'zod'],
    why: 'shared/ does no I/O and knows nobody.',
  },
  {
    files: 'packages/service/src/**',
    may: [own, ...node, 'fastify', 'ipaddr.js'],
    why: 'service/ is what both processes are made of: it knows neither of them.',
  },
  {
    files: 'packages/service/src/metrics*',
    may: [own, ...node, 'fastify', 'prom-client', 'vitest'],
    why: 'prom-client is for the metrics of service/ alone.',
  },
  {
    files: 'packages/service/src/redis*',
    may: [own, ...node, 'ioredis'],
    why: 'ioredis is for the Redis half of service/ alone.',
  },
  {
    files: 'packages/mcp-sessions/src/**',
    may: [own, ...node, '@gatehouse/service', '@modelcontextprotocol/server'],
    why: 'mcp-sessions knows the protocol and its store: neither a framework of HTTP nor who may call.',
  },
  {
    files: 'packages/mcp-sessions/src/store/**',
    may: [own, ...node, '@gatehouse/service'],
    why: 'store/ is a leaf: it keeps bytes that it cannot read.',
  },
  {
    files: 'packages/resource-guard/src/**',
    may: [own, ...node, 'fastify', 'fastify-plugin', 'jose'],
    why: "resource-guard is for anybody's server: it knows no MCP and none of our packages.",
  },
  {
    files: 'packages/client/src/**',
    may: [
      own,
      ...node,
      '../**',
      '@gatehouse/shared',
      '@modelcontextprotocol/client',
      '@modelcontextprotocol/client/**',
      'openid-client',
      'env-paths',
      'proper-lockfile',
      'undici',
      'uqr',
      'write-file-atomic',
      'zod',
    ],
    why: 'the client knows the shared types, openid-client and the MCP client.',
  },
  {
    files: 'packages/client/src/network/**',
    may: [own, ...node, ...leaves, '@gatehouse/shared', 'undici'],
    why: 'network/ fetches, guarded: it knows nothing of OAuth and MCP.',
  },
  {
    files: 'packages/client/src/discovery/**',
    may: [own, ...node, ...leaves, '../network/**', '@gatehouse/shared', '@modelcontextprotocol/client', 'zod'],
    why: 'discovery/ finds out who issues tokens, over network/ alone.',
  },
  {
    files: 'packages/client/src/registration/**',
    may: [own, ...node, ...leaves, '../network/**', '../session/store.ts', '@gatehouse/shared', 'zod'],
    why: 'registration/ is about who the client is, not about people or tokens.',
  },
  {
    files: 'packages/client/src/oauth/**',
    may: [own, ...node, ...leaves, '../network/**', '../registration/**', '@gatehouse/shared', 'openid-client'],
    why: 'oauth/ speaks to one authorization server.',
  },
  {
    files: 'packages/client/src/flows/**',
    may: [own, ...node, ...leaves, '../network/**', '../oauth/**', 'openid-client'],
    why: 'flows/ are ways to sign in: what is kept of it is in session/, what people see in terminal/.',
  },
  {
    files: 'packages/client/src/session/**',
    may: [
      own,
      ...node,
      ...leaves,
      '../discovery/**',
      '../flows/**',
      '../network/**',
      '../oauth/**',
      '../registration/**',
      'openid-client',
      'proper-lockfile',
      'write-file-atomic',
      'zod',
    ],
    why: 'session/ keeps sign-ins: it knows no MCP and no terminal.',
  },
  {
    files: 'packages/client/src/mcp/**',
    may: [
      own,
      ...node,
      ...leaves,
      '../discovery/**',
      '../network/**',
      '../session/**',
      '../terminal/**',
      '@gatehouse/shared',
      '@modelcontextprotocol/client',
      '@modelcontextprotocol/client/**',
    ],
    why: 'mcp/ is the connection to a server: it knows no command.',
  },
  {
    files: 'packages/client/src/terminal/**',
    may: [own, ...node, ...leaves, '../flows/**', 'uqr'],
    why: 'terminal/ is what people see: it knows no server.',
  },
  {
    files: 'packages/client/src/repl/**',
    may: [
      own,
      ...node,
      ...leaves,
      '../client.ts',
      '../commands/arguments.ts',
      '../commands/command.ts',
      '../commands/options.ts',
      '../mcp/**',
      '../session/**',
      '../terminal/**',
      '@modelcontextprotocol/client',
    ],
    why: 'repl/ shares with commands/ their shape, and how arguments are read.',
  },
  {
    files: 'packages/testing/src/**',
    may: [
      own,
      ...node,
      '@gatehouse/shared',
      'better-auth',
      'better-auth/**',
      '@better-auth/oauth-provider',
      'fastify',
      'jose',
      'selfsigned',
      'vitest',
    ],
    why: 'fakes know nothing of ours but the shared types.',
  },
  {
    files: 'packages/testing/src/{test-redis,redis-container,redis-cluster}.ts',
    may: ['./*redis*.ts', ...node, 'ioredis', 'testcontainers'],
    why: 'what starts a Redis knows nothing else.',
  },
]

/** What Biome is told: an override a row. */
export function biomeWalls() {
  const overrides = walls.map(({ files, may, why }) => {
    const patterns = [{ group: ['**', ...may.map((name) => `!${name}`)], message: why }]
    const noRestrictedImports = { level: 'error', options: { patterns } }
    return { includes: [files], linter: { rules: { style: { noRestrictedImports } } } }
  })
  return `${JSON.stringify({ overrides }, undefined, 2)}\n`
}
