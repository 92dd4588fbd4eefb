// What an upstream says of all that is pinned, asked for by its operator: as a client that can do everything, since some
// servers list more to such a one.
import { isOffered } from '../catalog/names.ts'
import { listAll, listings } from '../catalog/pages.ts'
import { pinKinds } from '../catalog/pinned-lists.ts'
import { type Behalf, type Members, RpcError, type Upstream, UpstreamError } from '../upstreams/contract.ts'
import type { Pin } from './contract.ts'
import { pinOf } from './lock.ts'

/** What the file lets nobody be asked is not told to an upstream, here as elsewhere. */
const everything: Members = {
  elicitation: { form: {}, url: {} },
  sampling: { context: {}, tools: {} },
  roots: { listChanged: true },
  extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } },
}

/** Rejects with an {@link UpstreamError}: what is not known whole is not pinned. */
export async function collectPins(upstream: Upstream, behalf: Behalf): Promise<readonly Pin[]> {
  const { name, tools } = upstream.settings
  const able = { ...behalf, capabilities: everything }
  const { era, capabilities, instructions } = await upstream.describe(able)
  const pins: Pin[] = instructions ? [pinOf({ upstream: name, kind: 'instructions', name: '' }, instructions)] : []
  for (const kind of ['tools', 'prompts', 'resourceTemplates'] as const) {
    const { method, capability, by } = listings[kind]
    const pinKind = pinKinds[kind]
    if (capabilities[capability] === undefined || pinKind === undefined) continue
    const { items } = await listAll(upstream, kind, era, able).catch((error: unknown) => {
      if (!(error instanceof RpcError)) throw error
      throw new UpstreamError(name, 'invalid', `${name} answers ${method} with the error ${error.code}`)
    })
    const offered = items.filter((item) => kind !== 'tools' || isOffered(item[by], tools))
    pins.push(...offered.map((item) => pinOf({ upstream: name, kind: pinKind, name: item[by] }, item)))
  }
  return pins
}
