// An upstream as one endpoint has it. Connections are the process's; whether the upstream's name stands before a tool's depends
// on how many there are at the endpoint.
import type { EndpointSettings, ToolNames, UpstreamSettings } from './settings.ts'
import type { Upstream } from './upstreams/contract.ts'

/** Those of an endpoint, in the order of the file. */
export function seatsAt(
  { upstreams: names }: Pick<EndpointSettings, 'upstreams'>,
  all: readonly Upstream[],
): Upstream[] {
  const here = all.filter(({ settings }) => names.includes(settings.name))
  const standard = here.length > 1 ? 'always' : 'never'
  return here.map((upstream) => seatOf(upstream, standard))
}

function seatOf(upstream: Upstream, standard: ToolNames['prefix']): Upstream {
  return {
    settings: prefixed(upstream.settings, standard),
    get open() {
      return upstream.open
    },
    describe: (behalf) => upstream.describe(behalf),
    request: (request, behalf) => upstream.request(request, behalf),
    notify: (notification, behalf) => upstream.notify(notification, behalf),
    listen: (behalf, resources, hear) => upstream.listen(behalf, resources, hear),
    close: async () => undefined,
  }
}

function prefixed(settings: UpstreamSettings, standard: ToolNames['prefix']): UpstreamSettings {
  const { tools } = settings
  return tools.isPrefixFixed ? settings : { ...settings, tools: { ...tools, prefix: standard } }
}
