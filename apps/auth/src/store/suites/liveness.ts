import { expect, test } from 'vitest'
import { StoreUnavailableError } from '../../errors.ts'
import type { Staged } from './scene.ts'

export function describeLiveness(staged: Staged): void {
  test(
    'an open store answers a ping',
    staged(async ({ store }) => {
      await expect(store.ping()).resolves.toBeUndefined()
    }),
  )

  test(
    'after closing, which can be done twice, everything is unavailable',
    staged(async ({ store }) => {
      await store.close()
      await store.close()
      const write = { userCode: 'BBBBBBBB', phase: 'in_flight', owner: 'alice' } as const
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        ping: () => store.ping(),
        put: () => store.records.put('Session', 'a', {}, 60_000),
        find: () => store.records.find('Session', 'a'),
        findByUid: () => store.records.findByUid('Session', 'a'),
        consume: () => store.records.consume('Session', 'a'),
        destroy: () => store.records.destroy('Session', 'a'),
        revokeByGrant: () => store.records.revokeByGrant('a'),
        clear: () => store.records.clear([]),
        replace: () => store.records.replace('Session', 'a', {}),
        keep: () => store.records.keep('Session', 'a', 1, 60_000),
        list: () => store.records.list('Session', { size: 10 }),
        create: () => store.records.create('Session', 'a', {}, 60_000),
        createDeviceCode: () => store.deviceCodes.create('a', {}, 60_000, write),
        update: () => store.deviceCodes.update('a', {}, write),
        findByUserCode: () => store.deviceCodes.findByUserCode('BBBBBBBB'),
        poll: () => store.deviceCodes.poll('a', 5_000, 0),
        endPoll: () => store.deviceCodes.endPoll('a'),
        take: () => store.attempts.take('a', 1, 60_000),
        giveBack: () => store.attempts.giveBack('a'),
        get: () => store.documents.get('a'),
        putDocument: () => store.documents.put('a', 1),
        endWithin: () => store.documents.endWithin('a', 1),
        listDocuments: () => store.documents.list({ size: 10 }),
        putIfAbsent: () => store.documents.putIfAbsent('a', 1),
      }
      for (const [name, call] of Object.entries(calls)) {
        await expect(call(), name).rejects.toThrow(StoreUnavailableError)
      }
    }),
  )
}
