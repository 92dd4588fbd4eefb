// What images set for Node.js, and `npm start` with them: measured is what people run.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '@gatehouse/testing'

const set = [
  ...readFileSync(join(repository, 'Dockerfile'), 'utf8').matchAll(/\b(NODE_OPTIONS|MALLOC_ARENA_MAX)=(\S+)/g),
].map(([, name = '', value = '']) => [name, value] as const)
const ofImages: Readonly<Record<string, string>> = Object.fromEntries(set)

/** As variables. `node`: further options of Node.js. */
export function imageSettings(node: readonly string[] = []): Readonly<Record<string, string>> {
  return { ...ofImages, NODE_OPTIONS: [ofImages.NODE_OPTIONS, ...node].join(' ') }
}
