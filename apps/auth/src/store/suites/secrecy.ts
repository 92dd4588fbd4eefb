import { createHash } from 'node:crypto'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { UserCodeTakenError } from '../../errors.ts'
import { SealBrokenError } from '../sealing.ts'
import type { Staged } from './scene.ts'
import { firstSecret, rotatedSecrets, secondSecret } from './test-sealing.ts'

export function describeSecrecy(staged: Staged, { canDump }: { readonly canDump: boolean }): void {
  if (canDump) {
    verifies(
      'N4',
      'a copy of the store shows no value, no id and nothing a user code could be searched by',
      staged(async ({ store, dump }) => {
        const planted = {
          id: 'planted-id-vjN4kQ',
          uid: 'planted-uid-vjN4kQ',
          grant: 'planted-grant-vjN4kQ',
          owner: 'planted-owner-vjN4kQ',
          value: 'planted-value-vjN4kQ',
          address: '203.0.113.77',
          document: 'planted-document-vjN4kQ',
          account: 'planted:583231',
          userCode: 'WDJBMJHT',
        }
        const { id, uid, grant, owner, value, address, document, account, userCode } = planted
        await store.records.put('RefreshToken', id, { value }, 60_000, { uid, grantId: grant, accountId: account })
        await store.records.put('Grant', grant, { accountId: account }, 60_000, { accountId: account })
        await store.deviceCodes.create(`${id}-device`, { value }, 600_000, { userCode, phase: 'pending' })
        await store.deviceCodes.update(`${id}-device`, { value }, { userCode, phase: 'decided', owner, grantId: grant })
        await store.attempts.take(address, 5, 60_000)
        await store.documents.put('keys', { document })
        const bytes = await dump()
        expect(bytes.length).toBeGreaterThan(0)
        for (const secret of Object.values(planted)) expect([secret, bytes.indexOf(secret)]).toEqual([secret, -1])
        for (const guessable of [
          ...[userCode, `user-code\0${userCode}`, address, `attempts\0${address}`],
          ...[account, `account\0${account}`],
        ]) {
          const hash = createHash('sha256').update(guessable).digest()
          for (const form of [hash, hash.toString('hex'), hash.toString('base64url'), hash.toString('base64')]) {
            expect(bytes.indexOf(form)).toBe(-1)
          }
        }
      }),
    )
  }

  verifies(
    'N5',
    'a sealed value that was moved to another id, model or document is refused and reported',
    staged(async ({ store, sealing, tampered }) => {
      await store.records.put('Client', 'rich', { scope: 'everything' }, 60_000)
      const [stolen] = sealing.sealed
      if (!stolen) throw new Error('nothing was sealed')
      sealing.plant(stolen)
      await store.records.put('Client', 'poor', { scope: 'nothing' }, 60_000)
      await store.records.put('Session', 'rich', {}, 60_000)
      await store.deviceCodes.create('rich', {}, 60_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      await store.documents.put('rich', {})
      sealing.stopMeddling()

      expect(await store.records.find('Client', 'poor')).toBeUndefined()
      expect(await store.records.find('Session', 'rich')).toBeUndefined()
      expect(await store.deviceCodes.findByUserCode('BBBBBBBB')).toBeUndefined()
      expect(await store.documents.get('rich')).toBeUndefined()
      const fault = 'not_authentic'
      const kinds = ['Client', 'Session', 'DeviceCode', 'document']
      expect(tampered).toEqual(kinds.map((kind) => ({ kind, key: expect.any(String), fault })))
      expect(await store.records.find('Client', 'rich')).toEqual({ payload: { scope: 'everything' } })
    }),
  )

  verifies(
    'N5',
    'an index entry that was made to lead to another record is refused and reported',
    staged(async ({ store, sealing, tampered }) => {
      sealing.alias('uid-of-mallory', 'uid-of-alice')
      await store.records.put('Session', 'mallory', {}, 60_000, { uid: 'uid-of-mallory' })
      sealing.alias('MMMMMMMM', 'BBBBBBBB')
      await store.deviceCodes.create('mallory', {}, 60_000, { userCode: 'MMMMMMMM', phase: 'pending' })
      sealing.stopMeddling()

      expect(await store.records.findByUid('Session', 'uid-of-alice')).toBeUndefined()
      expect(await store.deviceCodes.findByUserCode('BBBBBBBB')).toBeUndefined()
      expect(tampered.map(({ kind, fault }) => [kind, fault])).toEqual([
        ['Session', 'wrong_index'],
        ['DeviceCode', 'wrong_index'],
      ])
    }),
  )

  verifies(
    'N5',
    'a sealed value with one bit changed is refused and reported',
    staged(async ({ store, sealing, tampered }) => {
      await store.records.put('Session', 'a', { n: 1 }, 60_000)
      const changed = Buffer.from(sealing.sealed[0] ?? [])
      changed.writeUInt8(changed.readUInt8(changed.length - 20) ^ 1, changed.length - 20)
      sealing.plant(changed)
      await store.records.put('Session', 'a', { n: 1 }, 60_000)
      expect(await store.records.find('Session', 'a')).toBeUndefined()
      expect(tampered).toMatchObject([{ kind: 'Session', fault: 'not_authentic' }])
    }),
  )

  test(
    'another secret opens nothing, finds no user code, and does no harm',
    staged(async ({ store, sealing, tampered }) => {
      await store.records.put('Session', 'a', { n: 1 }, 60_000, { uid: 'u' })
      await store.deviceCodes.create('d', {}, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      await store.documents.put('keys', { n: 1 })
      sealing.useSecrets(secondSecret)
      expect(await store.records.find('Session', 'a')).toBeUndefined()
      expect(await store.records.findByUid('Session', 'u')).toBeUndefined()
      expect(await store.deviceCodes.findByUserCode('BBBBBBBB')).toBeUndefined()
      expect(await store.documents.get('keys')).toBeUndefined()
      expect(tampered.map(({ fault }) => fault)).toEqual(['unknown_key', 'unknown_key', 'unknown_key'])
      await expect(store.documents.putIfAbsent('keys', { n: 2 })).rejects.toThrow(SealBrokenError)

      sealing.useSecrets(firstSecret)
      expect(await store.records.find('Session', 'a')).toEqual({ payload: { n: 1 } })
      expect(await store.deviceCodes.findByUserCode('BBBBBBBB')).toBeDefined()
      expect(await store.documents.get('keys')).toEqual({ n: 1 })
    }),
  )

  test(
    'the previous secret still opens, and what is written again no longer needs it',
    staged(async ({ store, sealing }) => {
      await store.records.put('Session', 'rewritten', { n: 1 }, 600_000)
      await store.records.put('Session', 'left', { n: 1 }, 600_000)
      sealing.useSecrets(rotatedSecrets)
      expect(await store.records.find('Session', 'rewritten')).toEqual({ payload: { n: 1 } })
      await store.records.put('Session', 'rewritten', { n: 2 }, 600_000)
      sealing.useSecrets(secondSecret)
      expect(await store.records.find('Session', 'rewritten')).toEqual({ payload: { n: 2 } })
      expect(await store.records.find('Session', 'left')).toBeUndefined()
    }),
  )

  test(
    'a document that was read under both secrets no longer needs the previous one',
    staged(async ({ store, sealing }) => {
      await store.documents.put('read', { n: 1 })
      await store.documents.put('asserted', { n: 2 })
      sealing.useSecrets(rotatedSecrets)
      expect(await store.documents.get('read')).toEqual({ n: 1 })
      expect(await store.documents.putIfAbsent('asserted', {})).toEqual({ n: 2 })
      sealing.useSecrets(secondSecret)
      expect(await store.documents.get('read')).toEqual({ n: 1 })
      expect(await store.documents.get('asserted')).toEqual({ n: 2 })
    }),
  )

  test(
    'a user code from before the rotation is found, stays taken, and can still be decided',
    staged(async ({ store, sealing }) => {
      await store.deviceCodes.create('d', { n: 1 }, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      sealing.useSecrets(rotatedSecrets)
      expect(await store.deviceCodes.findByUserCode('BBBBBBBB')).toEqual({ payload: { n: 1 }, phase: 'pending' })
      const write = { userCode: 'BBBBBBBB', phase: 'pending' } as const
      await expect(store.deviceCodes.create('e', {}, 600_000, write)).rejects.toThrow(UserCodeTakenError)
      await store.deviceCodes.update('d', { n: 2 }, { ...write, phase: 'decided', owner: 'alice' })
      expect(await store.deviceCodes.findByUserCode('BBBBBBBB')).toMatchObject({ payload: { n: 2 }, phase: 'decided' })
    }),
  )
}
