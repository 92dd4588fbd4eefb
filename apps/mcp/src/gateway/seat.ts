// An upstream as one endpoint has it. Connections are the process's; whether the upstream's name stands before a tool's depends
// on how many there are at the endpoint. What stands at an endpoint may change while it is used.
import type { EndpointSettings, ToolNames, UpstreamSettings } from './settings.ts'
import type { Upstream } from './upstreams/contract.ts'

export interface Seats {
  /** In the order of the file. It is the same list all the time, whose content changes. */
  readonly upstreams: readonly Upstream[]
  /** Who stands where, from now on. Who leaves is heard of no more. */
  arrange(endpoint: Pick<EndpointSettings, 'upstreams'>, all: readonly Upstream[]): void
}

type Prefix = ToolNames['prefix']

interface Seat extends Upstream {
  readonly of: Upstream
  /** What stands before its names where the file does not say. */
  stand(standard: Prefix): void
  end(): void
}

export function createSeats(): Seats {
  const seats: Seat[] = []
  return {
    upstreams: seats,
    arrange({ upstreams: names }, all) {
      const here = all.filter(({ settings }) => names.includes(settings.name))
      const standard = here.length > 1 ? 'always' : 'never'
      const next = here.map((upstream) => seats.find((seat) => seat.of === upstream) ?? seatOf(upstream))
      for (const seat of seats) if (!next.includes(seat)) seat.end()
      for (const seat of next) seat.stand(standard)
      seats.splice(0, seats.length, ...next)
    },
  }
}

/** Those of an endpoint that does not change. */
export function seatsAt(endpoint: Pick<EndpointSettings, 'upstreams'>, all: readonly Upstream[]): readonly Upstream[] {
  const seats = createSeats()
  seats.arrange(endpoint, all)
  return seats.upstreams
}

function seatOf(upstream: Upstream): Seat {
  const stops = new Set<() => void>()
  let standard: Prefix = 'never'
  return {
    of: upstream,
    get settings() {
      return prefixed(upstream.settings, standard)
    },
    get open() {
      return upstream.open
    },
    describe: (behalf) => upstream.describe(behalf),
    request: (request, behalf) => upstream.request(request, behalf),
    notify: (notification, behalf) => upstream.notify(notification, behalf),
    listen(behalf, resources, hear) {
      const stopListening = upstream.listen(behalf, resources, hear)
      const stop = (): void => {
        stops.delete(stop)
        stopListening()
      }
      stops.add(stop)
      return stop
    },
    stand(prefix) {
      standard = prefix
    },
    end() {
      for (const stop of stops) stop()
    },
    close: async () => undefined,
  }
}

const ofStandard = { always: new WeakMap(), never: new WeakMap(), auto: new WeakMap() } satisfies Record<Prefix, object>

/** The same for the same, since it is asked for all the time. */
function prefixed(settings: UpstreamSettings, prefix: Prefix): UpstreamSettings {
  if (settings.tools.isPrefixFixed) return settings
  const known: WeakMap<UpstreamSettings, UpstreamSettings> = ofStandard[prefix]
  const made = known.get(settings) ?? { ...settings, tools: { ...settings.tools, prefix } }
  known.set(settings, made)
  return made
}
