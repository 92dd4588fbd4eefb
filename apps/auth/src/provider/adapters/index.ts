// oidc-provider's adapter over our store, one for each of its models. What they add to the plain record is what the engine
// leaves open: single use that holds in a race, device codes that are compare-and-set, `slow_down`, and our errors in the
// engine's words.
import type { Adapter } from 'oidc-provider'
import { inEngineWords } from '../engine-errors.ts'
import { createClientAdapter } from './clients.ts'
import { createDeviceCodeAdapter } from './device-codes.ts'
import { createGrantAdapter } from './grants.ts'
import type { AdapterOptions } from './options.ts'
import { createRecordAdapter } from './records.ts'
import { createRedeemableAdapter } from './redeemable.ts'
import { createRefreshTokenAdapter } from './refresh-tokens.ts'
import { createSessionAdapter } from './sessions.ts'

const byModel: Readonly<Record<string, (options: AdapterOptions, model: string) => Adapter>> = {
  AuthorizationCode: createRedeemableAdapter,
  Client: createClientAdapter,
  DeviceCode: createDeviceCodeAdapter,
  Grant: createGrantAdapter,
  RefreshToken: createRefreshTokenAdapter,
  Session: createSessionAdapter,
}

export function createAdapterFactory(options: AdapterOptions): (model: string) => Adapter {
  const { store } = options
  const records = { ...store.records, revokeByGrant: onceATurn(store.records.revokeByGrant) }
  const own = { ...options, store: { ...store, records } }
  return (model) => translated((byModel[model] ?? createRecordAdapter)(own, model))
}

/** The engine revokes by model, all of them at once, and each finds the records of all. Nothing has begun when others join. */
function onceATurn(run: (id: string) => Promise<void>): (id: string) => Promise<void> {
  const waiting = new Map<string, Promise<void>>()
  return (id) => {
    const joined = waiting.get(id)
    if (joined !== undefined) return joined
    const begun = Promise.resolve().then(() => {
      waiting.delete(id)
      return run(id)
    })
    waiting.set(id, begun)
    return begun
  }
}

function translated(adapter: Adapter): Adapter {
  const wrap =
    <A extends unknown[], R>(run: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await run(...args)
      } catch (error) {
        throw inEngineWords(error)
      }
    }
  return Object.fromEntries(Object.entries(adapter).map(([name, run]) => [name, wrap(run)])) as unknown as Adapter
}
