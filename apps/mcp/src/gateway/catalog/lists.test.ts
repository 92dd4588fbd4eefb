import { describe, expect, it } from 'vitest'
import type { Members } from '../upstreams/contract.ts'
import { behalfOf } from './harness/fake-upstream.ts'
import { scene, upstream } from './harness/scene.ts'

const ann = behalfOf('ann')
const minutes = 60_000
const namesOf = ({ tools }: Members) => tools.map(({ name }: Members) => name)

describe('lists', () => {
  it('show what all upstreams have, as they sent it but for the name', async () => {
    const a = upstream('a', [])
    const theirs = {
      name: 'x',
      title: 'X',
      inputSchema: { type: 'object', 'x-ours': [1] },
      _meta: { 'a/b': 1 },
      unknown: {},
    }
    a.tools = [theirs]
    const { catalog } = scene(a, upstream('b', ['x']))
    const { tools } = await catalog.tools(ann, '2025')
    expect(tools).toEqual([{ ...theirs, name: 'a__x' }, expect.objectContaining({ name: 'b__x' })])
    expect(await catalog.findTool('a__x', ann)).toMatchObject({ upstream: a, name: 'x', definition: theirs })
  })

  it('of one upstream have its names, and only what the file lets through', async () => {
    const { catalog } = scene(
      upstream('a', ['get_x', 'get_debug', 'set_x'], { tools: { only: ['get_*'], not: ['*debug'] } }),
    )
    expect(namesOf(await catalog.tools(ann, '2025'))).toEqual(['get_x'])
    expect(await catalog.findTool('set_x', ann)).toBeUndefined()
  })

  it('take all pages', async () => {
    const a = upstream('a', [])
    a.page = (_method, cursor = '0') => ({
      tools: [{ name: `t${cursor}`, inputSchema: { type: 'object' } }],
      ...(cursor !== '9' && { nextCursor: String(Number(cursor) + 1) }),
    })
    const { tools } = await scene(a).catalog.tools(ann, '2025')
    expect(tools).toHaveLength(10)
  })

  it.each<[string, (method: string, cursor?: string) => unknown, string]>([
    [
      'without end',
      (_, cursor = '0') => ({ tools: [{ name: cursor }], nextCursor: `${Number(cursor) + 1}` }),
      'more than 1000 pages',
    ],
    ['in a circle', () => ({ tools: [], nextCursor: 'again' }), 'circle'],
    [
      'of 100,000 tools',
      () => ({ tools: Array.from({ length: 100_000 }, (_, i) => ({ name: `${i}` })) }),
      'more than 10000 items',
    ],
    ['of 11 MB', () => ({ tools: [{ name: 'x', description: 'x'.repeat(11_000_000) }] }), 'larger than 10 MB'],
    ['that is not one', () => ({ tools: 'many' }), 'without "tools"'],
  ])('%s hurts nobody else', async (_title, page, message) => {
    const mad = upstream('mad', [])
    mad.page = page
    const { catalog, problems } = scene(mad, upstream('good', ['x']))
    expect(namesOf(await catalog.tools(ann, '2025'))).toEqual(['good__x'])
    expect(problems).toEqual([{ kind: 'unlisted', upstream: 'mad', message: expect.stringContaining(message) }])
    expect(await catalog.findTool('good__x', ann)).toBeDefined()
  })

  it('leave out what clients could not read, so that they can read the rest', async () => {
    const a = upstream('a', ['x'])
    const inputSchema = { type: 'object' }
    const odd = [{ inputSchema: { type: 'string' } }, { description: 5 }, { annotations: 'x' }, { outputSchema: 'x' }]
    a.page = (method) => ({
      tools: [
        { name: 'x', inputSchema, unknown: { a: 1 } },
        { name: 'array', inputSchema, outputSchema: { type: 'array' } },
        { name: 'bare' },
        ...odd.map((member, index) => ({ name: `odd${index}`, inputSchema, ...member })),
      ],
      prompts: [{ name: 'p' }, { name: 'q', arguments: 'x' }],
      resources: [{ uri: 'a:1', name: 'one' }, { uri: 'a:2' }],
      resourceTemplates: [{ uriTemplate: 'a:{b}', name: 'one' }, { uriTemplate: 'b:{b}' }],
      [method]: undefined,
    })
    const { catalog, problems } = scene(a)
    const { tools } = await catalog.tools(ann, '2025')
    expect(tools.map(({ name }: Members) => name)).toEqual(['x', 'array'])
    expect(tools[0]).toMatchObject({ unknown: { a: 1 } })
    expect((await catalog.prompts(ann, '2025')).prompts).toHaveLength(1)
    expect((await catalog.resources(ann, '2025')).resources).toHaveLength(1)
    expect((await catalog.templates(ann, '2025')).resourceTemplates).toHaveLength(1)
    expect(new Set(problems.map(({ kind }) => kind))).toEqual(new Set(['faulty']))
  })

  it('leave out what has no name, and say so', async () => {
    const a = upstream('a', ['x'])
    a.tools.push({ title: 'nameless' }, null as never, { name: 'x', second: true }, { name: 7 })
    const { catalog, problems } = scene(a)
    expect(namesOf(await catalog.tools(ann, '2025'))).toEqual(['x'])
    expect(problems).toEqual([expect.objectContaining({ kind: 'faulty' })])
  })

  it('do not wait for a silent upstream longer than its time, and not twice', async () => {
    const silent = upstream('silent', ['x'])
    silent.fault = 'hang'
    const { catalog, clock, problems } = scene(silent, upstream('good', ['x']))
    expect(await catalog.findTool('good__x', ann)).toBeDefined()
    const listing = catalog.tools(ann, '2025')
    await clock.elapse(10_000)
    expect(namesOf(await listing)).toEqual(['good__x'])
    expect(namesOf(await catalog.tools(ann, '2025'))).toEqual(['good__x'])
    expect(problems).toEqual([{ kind: 'unlisted', upstream: 'silent', message: 'silent did not answer in 10 s' }])
    expect(silent.behalves[0]?.signal.aborted).toBe(true)
  })

  it('are empty where nobody can be reached', async () => {
    const a = upstream('a', ['x'])
    a.fault = 'unreachable'
    const { catalog } = scene(a)
    expect(await catalog.tools(ann, '2026')).toEqual({ tools: [], ttlMs: 0, cacheScope: 'private' })
    expect(await catalog.resources(ann, '2025')).toEqual({ resources: [] })
  })

  it('stay for ten minutes after the last good answer, at another replica too, then they leave', async () => {
    const a = upstream('a', ['x'])
    const { catalog, clock, open } = scene(a, upstream('b', ['y']))
    await catalog.tools(ann, '2025')
    a.fault = 'unreachable'
    await clock.elapse(9 * minutes)
    expect(namesOf(await open().tools(ann, '2025'))).toEqual(['a__x', 'b__y'])
    expect(await catalog.findTool('a__x', ann)).toMatchObject({ name: 'x' })
    await clock.elapse(minutes)
    expect(namesOf(await catalog.tools(ann, '2025'))).toEqual(['b__y'])
    expect(await catalog.findTool('a__x', ann)).toBeUndefined()
    a.fault = undefined
    await clock.elapse(minutes)
    expect(namesOf(await catalog.tools(ann, '2025'))).toEqual(['a__x', 'b__y'])
  })

  it('are asked for once by calls that know nothing yet, and not by those that do', async () => {
    const a = upstream('a', ['x', 'y'])
    const { catalog } = scene(a)
    await Promise.all(['x', 'y', 'x'].map((name) => catalog.findTool(name, ann)))
    await catalog.findTool('y', ann)
    expect(a.asked).toEqual(['describe', 'tools/list'])
  })

  it('are asked for again where a name is unknown, but not each time', async () => {
    const a = upstream('a', ['x'])
    const { catalog, clock } = scene(a)
    await catalog.findTool('x', ann)
    a.tools.push({ name: 'new' })
    expect(await catalog.findTool('new', ann)).toBeUndefined()
    await clock.elapse(5_000)
    expect(await catalog.findTool('new', ann)).toMatchObject({ name: 'new' })
  })

  it('are believed for as long as the upstream says', async () => {
    const a = upstream('a', ['x'])
    const b = upstream('b', ['x'])
    Object.assign(a, { era: '2026', ttlMs: 30_000 })
    Object.assign(b, { era: '2026', ttlMs: 20_000 })
    const { catalog, clock } = scene(a, b)
    expect(await catalog.tools(ann, '2026')).toMatchObject({ ttlMs: 20_000, cacheScope: 'private' })
    await clock.elapse(5_000)
    expect(await catalog.tools(ann, '2026')).toMatchObject({ ttlMs: 15_000 })
    expect(a.asked).toEqual(['describe', 'tools/list'])
    await clock.elapse(15_000)
    await catalog.tools(ann, '2026')
    expect([a.asked.length, b.asked.length]).toEqual([2, 4])
    expect(await catalog.tools(ann, '2025')).not.toHaveProperty('ttlMs')
  })

  it.each(['2025', '2026'] as const)(
    'are asked for again when an upstream of %s says that they changed',
    async (era) => {
      const a = upstream('a', ['x'])
      Object.assign(a, { era, ttlMs: era === '2026' ? 600_000 : undefined })
      const { catalog } = scene(a)
      await catalog.tools(ann, era)
      a.tools = [{ name: 'y' }]
      catalog.heard({ method: 'notifications/tools/list_changed' }, ann, a)
      expect(await catalog.findTool('y', ann)).toBeDefined()
      expect(await catalog.findTool('x', ann)).toBeUndefined()
      expect(namesOf(await catalog.tools(ann, era))).toEqual(['y'])
    },
  )

  it('are no matter of callers who share no credential, no header and no abilities', async () => {
    const own = upstream('own', ['x'])
    const shared = upstream('shared', ['x'], { isolation: 'shared', forwardHeaders: ['x-tenant'] })
    const { catalog } = scene(own, shared)
    for (const behalf of [ann, behalfOf('bob'), behalfOf('cy', { headers: { 'x-tenant': 't' } })])
      await catalog.findTool('own__x', behalf).then(() => catalog.findTool('shared__x', behalf))
    await catalog.findTool('own__x', behalfOf('ann', { capabilities: { roots: {} } }))
    expect(own.asked.filter((method) => method === 'tools/list')).toHaveLength(4)
    expect(shared.asked.filter((method) => method === 'tools/list').length).toBeLessThanOrEqual(3)
    expect(shared.asked.filter((method) => method === 'tools/list').length).toBeGreaterThanOrEqual(2)
    await expect(shared.behalves[0]?.ask({ method: 'roots/list' })).rejects.toThrow('Nobody can be asked')
    await expect(own.behalves[0]?.ask({ method: 'roots/list' })).resolves.toEqual({})
    expect(own.behalves[0]).toMatchObject({ progressToken: undefined, logLevel: undefined })
  })

  it('offer tasks within an era only', async () => {
    const a = upstream('a', [])
    a.tools = [
      { name: 'x', execution: { taskSupport: 'optional' } },
      { name: 'y', execution: { taskSupport: 'optional', more: 1 } },
    ]
    const { catalog } = scene(a)
    expect((await catalog.tools(ann, '2025')).tools).toEqual(a.tools)
    expect((await catalog.tools(ann, '2026')).tools).toMatchObject([
      { name: 'x' },
      { name: 'y', execution: { more: 1 } },
    ])
  })

  it('keep a name with the tool that had it first, over restarts', async () => {
    const a = upstream('a', [], { tools: { prefix: 'auto' } })
    const b = upstream('b', ['x'], { tools: { prefix: 'auto' } })
    const { catalog, open, problems } = scene(a, b)
    expect(namesOf(await catalog.tools(ann, '2025'))).toEqual(['x'])
    a.tools = [{ name: 'x' }]
    const restarted = open()
    expect(namesOf(await restarted.tools(ann, '2025'))).toEqual(['a__x', 'x'])
    expect(await restarted.findTool('x', behalfOf('bob'))).toMatchObject({ upstream: b })
    expect(problems).toEqual([{ kind: 'clash', upstream: 'a', message: 'a/x is shown as a__x: x is b/x' }])
  })

  it('keep what an upstream says of itself for a month where it is said to many, and for ten minutes where to one of a kind', async () => {
    const a = upstream('a', ['x'])
    a.capabilities = { tools: {}, logging: {} }
    const lives: number[] = []
    const { clock, store, open } = scene(a)
    const catalog = open({
      ...store,
      async put(key, value, end) {
        if (key.startsWith('catalog:description')) lives.push((end - clock.now()) / minutes)
        await store.put(key, value, end)
      },
    })
    const odd = behalfOf('ann', { capabilities: { roots: {}, experimental: { odd: {} } } })
    const said = await catalog.describe(odd, '2025')
    expect(lives).toEqual([30 * 24 * 60, 10])
    await catalog.describe(behalfOf('ann', { capabilities: { roots: {} } }), '2025')
    expect([a.asked, lives.length], 'who can do the same of what is usual').toEqual([['describe'], 2])
    await catalog.describe(ann, '2025')
    expect(lives.slice(2)).toEqual([30 * 24 * 60])
    a.fault = 'unreachable'
    await clock.elapse(11 * minutes)
    expect(await catalog.describe(odd, '2025'), 'the other counts where nobody can be asked').toEqual(said)
  })
})
