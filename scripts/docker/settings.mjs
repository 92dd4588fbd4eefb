// What the compose file says.
import assert from 'node:assert/strict'

export async function areSafe(stack) {
  const { services } = await stack.defaults()
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.map(({ host_ip, published, target }) => `${name} ${host_ip}:${published}:${target}`),
  )
  assert.deepEqual(published, ['edge 127.0.0.1:4000:4000', 'edge 127.0.0.1:3000:3000'])
  const { auth, mcp } = services
  assert.equal(auth.environment.AUTH_ISSUER, 'http://localhost:4000')
  assert.equal(mcp.environment.MCP_RESOURCE_URL, 'http://localhost:3000/mcp')
  assert.deepEqual(
    JSON.parse(auth.environment.AUTH_RESOURCES).map(({ resource }) => resource),
    ['http://localhost:3000/mcp'],
  )
  for (const [name, { read_only, cap_drop, security_opt, deploy }] of Object.entries(services)) {
    assert.ok(read_only && cap_drop.includes('ALL') && security_opt.includes('no-new-privileges:true'), name)
    const { cpus, memory, pids } = deploy.resources.limits
    assert.ok(cpus && memory && pids, name)
  }
}
