import { test } from 'vitest'
import { isRequirementId } from './requirements.ts'

/**
 * Declares a test that proves one or several requirements: its title becomes `[D5] title`, or `[D5 D6] title`.
 * Throws at collection for an id that requirements.ts does not know. `timeout` is in milliseconds.
 *
 * Write the ids as literals: the coverage gate reads them from the source.
 */
export function verifies(
  ids: string | readonly string[],
  title: string,
  run: () => void | Promise<void>,
  timeout?: number,
): void {
  const cited = typeof ids === 'string' ? [ids] : ids
  if (cited.length === 0) throw new Error(`"${title}" cites no requirement: use test() for it`)
  for (const id of cited) {
    if (!isRequirementId(id)) {
      throw new Error(`"${title}" cites "${id}", which packages/testing/src/requirements.ts does not list`)
    }
  }
  test(`[${cited.join(' ')}] ${title}`, run, timeout)
}
