// A catalog over fakes, with a clock that a test moves.
import { createCatalog } from '../catalog.ts'
import type { CatalogStore, Problem } from '../contract.ts'
import { createMemoryCatalogStore } from '../store.ts'
import { type FakeUpstream, fakeUpstream, manualClock, type Settings } from './fake-upstream.ts'

export function scene(...upstreams: FakeUpstream[]) {
  const clock = manualClock()
  const store = createMemoryCatalogStore(clock)
  const problems: Problem[] = []
  /** Another replica, or the same after a restart. */
  const open = (kept: CatalogStore = store) =>
    createCatalog({ upstreams, clock, store: kept, onProblem: (problem) => void problems.push(problem) })
  return { clock, store, problems, open, catalog: open() }
}

export function upstream(name: string, tools: string[], settings: Settings = {}) {
  const fake = fakeUpstream(name, settings)
  fake.tools = tools.map((tool) => ({ name: tool, inputSchema: { type: 'object' } }))
  return fake
}
