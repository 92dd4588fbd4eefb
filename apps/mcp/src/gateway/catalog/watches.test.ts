import { describe, expect, it } from 'vitest'
import type { CatalogStore } from './contract.ts'
import { behalfOf } from './harness/fake-upstream.ts'
import { scene, upstream } from './harness/scene.ts'

const ann = behalfOf('ann')
const changed = (kind = 'tools') => ({ method: `notifications/${kind}/list_changed` })

/** A catalog over a store that takes its time to write down that a list changed. */
function slowScene() {
  const a = upstream('a', ['x'])
  const { store, open, problems, clock } = scene(a)
  const begun: string[] = []
  const waiting: PromiseWithResolvers<void>[] = []
  const slow: CatalogStore = {
    get: store.get,
    async put(key, value, end) {
      if (key.startsWith('catalog:changed:')) {
        begun.push(key.split(':')[2] ?? '')
        const turn = Promise.withResolvers<void>()
        waiting.push(turn)
        await turn.promise
      }
      await store.put(key, value, end)
    },
  }
  /** Until nothing is being written. Returns what was begun since the last time. */
  async function finish(): Promise<string[]> {
    for (;;) {
      await clock.elapse(0)
      const turn = waiting.shift()
      if (!turn) return begun.splice(0)
      turn.resolve()
    }
  }
  return { a, catalog: open(slow), begun, waiting, finish, problems, clock }
}

describe('that a list changed', () => {
  it('is written down once at a time and once more, however often it is said', async () => {
    const { a, catalog, begun, finish } = slowScene()
    for (let time = 0; time < 1_000; time += 1) catalog.heard(changed(), ann, a)
    expect(begun).toEqual(['tools'])
    expect(await finish()).toEqual(['tools', 'tools'])
    catalog.heard(changed(), ann, a)
    expect(await finish()).toEqual(['tools'])
  })

  it('is written down once more at most also where it is listened for', async () => {
    const { a, catalog, begun, finish } = slowScene()
    const stop = catalog.watch(ann, '2025', () => undefined)
    await finish()
    for (let time = 0; time < 1_000; time += 1) a.say(changed().method)
    expect(begun).toEqual(['tools'])
    expect(await finish()).toEqual(['tools', 'tools'])
    stop()
  })

  it('waits for no other list, and for no other caller', async () => {
    const { a, catalog, begun, finish } = slowScene()
    for (const behalf of [ann, behalfOf('bob')])
      for (const kind of ['tools', 'prompts', 'resources']) catalog.heard(changed(kind), behalf, a)
    const each = ['tools', 'prompts', 'resources', 'resourceTemplates']
    expect(begun).toEqual([...each, ...each])
    await finish()
  })

  it('counts when it was said last: what was listed before is asked for again', async () => {
    const { a, catalog, finish } = slowScene()
    catalog.heard(changed(), ann, a)
    const listing = catalog.tools(ann, '2025')
    await finish()
    await listing
    catalog.heard(changed(), ann, a)
    catalog.heard(changed(), ann, a)
    a.tools = [{ name: 'y' }]
    await finish()
    expect(await catalog.findTool('y', ann)).toBeDefined()
  })

  it('is written down again after a write that failed', async () => {
    const { a, catalog, begun, waiting, finish, problems, clock } = slowScene()
    catalog.heard(changed(), ann, a)
    catalog.heard(changed(), ann, a)
    waiting.shift()?.reject(new Error('the store is away'))
    await clock.elapse(0)
    expect(begun).toEqual(['tools', 'tools'])
    await finish()
    expect(problems).toEqual([{ kind: 'unlisted', upstream: 'a', message: expect.stringContaining('out of reach') }])
  })
})
