// The catalog of an endpoint whose upstreams change: a new one takes the place of the old one, with the same store, so that
// names that were given stay, and what can still be had need not be asked for. Who watches goes on, and is told.
import type { Behalf, Era } from '../upstreams/contract.ts'
import type { Catalog } from './contract.ts'

export interface RenewableCatalog extends Catalog {
  /** What it is made of has changed. */
  renew(): void
}

type Changed = Parameters<Catalog['watch']>[2]

interface Watcher {
  readonly behalf: Behalf
  readonly era: Era
  readonly changed: Changed
  stop: () => void
}

export function createRenewableCatalog(make: () => Catalog): RenewableCatalog {
  let catalog = make()
  const watchers = new Set<Watcher>()
  return {
    tools: (...asked) => catalog.tools(...asked),
    prompts: (...asked) => catalog.prompts(...asked),
    resources: (...asked) => catalog.resources(...asked),
    templates: (...asked) => catalog.templates(...asked),
    findTool: (name, behalf) => catalog.findTool(name, behalf),
    awayTool: (name, behalf) => catalog.awayTool(name, behalf),
    withheldTool: (name, behalf) => catalog.withheldTool(name, behalf),
    findPrompt: (name, behalf) => catalog.findPrompt(name, behalf),
    findResource: (uri, behalf) => catalog.findResource(uri, behalf),
    describe: (...asked) => catalog.describe(...asked),
    known: (upstream, behalf) => catalog.known(upstream, behalf),
    note: (owner, uri, upstream) => catalog.note(owner, uri, upstream),
    show: (behalf, result, upstream) => catalog.show(behalf, result, upstream),
    heard: (notification, behalf, upstream) => catalog.heard(notification, behalf, upstream),
    watch(behalf, era, changed) {
      const watcher = { behalf, era, changed, stop: catalog.watch(behalf, era, changed) }
      watchers.add(watcher)
      return () => {
        watchers.delete(watcher)
        watcher.stop()
      }
    },
    renew() {
      catalog = make()
      for (const watcher of [...watchers]) {
        const { behalf, era, changed, stop } = watcher
        watcher.stop = catalog.watch(behalf, era, changed)
        stop()
        for (const kind of ['tools', 'prompts', 'resources'] as const) changed(kind)
      }
    },
  }
}
