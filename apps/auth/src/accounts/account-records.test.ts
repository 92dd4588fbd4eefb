// Several who look at once for people whom a release before this one wrote: see ../upgrade.test.ts for the rest.
import { expect, test } from 'vitest'
import { createSealing } from '../store/sealing.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import { createAccountRecords } from './account-records.ts'

const sealing = createSealing({ secret: 'a secret of tests that is long enough for it' })
const names = Array.from({ length: 20 }, (_, index) => `oidc:person-${index}`)

/** A store of one process, in which people are documents. */
async function upgraded() {
  const store = openSqliteStore({ path: ':memory:', clock: Date.now, sealing, onTampered: () => undefined })
  const people = createAccountRecords({ store, keptFor: 1_000_000 })
  for (const subject of names) await store.documents.put(`account:${subject}`, { subject, label: subject })
  return {
    people,
    lost: async () => {
      const found = await Promise.all(names.map((subject) => people.find(subject)))
      return names.filter((_, index) => found[index] === undefined)
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

test('who is looked for while all are moved is there afterwards', async () => {
  await using before = await upgraded()
  const moving = before.people.moveAll()
  for (const subject of names.toReversed()) await before.people.find(subject)
  await moving
  expect(await before.lost()).toEqual([])
})

test('who is looked for twice is there afterwards, however far the first one has come', async () => {
  await using before = await upgraded()
  for (const [turns, subject] of names.entries()) {
    const first = before.people.find(subject)
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
    await Promise.all([first, before.people.find(subject)])
  }
  expect(await before.lost()).toEqual([])
})

test('who was forgotten meanwhile is no record again', async () => {
  await using before = await upgraded()
  const moving = before.people.moveAll()
  for (const subject of names.toReversed()) await before.people.forget(subject)
  await moving
  expect(await before.lost()).toEqual(names)
})
