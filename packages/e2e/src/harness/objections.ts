// axe on a page of ours: a list of what it objects to, so that a test can expect none.
import axe from 'axe-core'
import type { Person } from './browser.ts'

/** What axe objects to on this page: everything in light, and the colours once more in dark. */
export async function objections({ page }: Person): Promise<string[]> {
  const found: string[] = []
  await page.evaluate(axe.source)
  for (const [colorScheme, options] of [
    ['light', {}],
    ['dark', { runOnly: ['color-contrast'] }],
  ] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const { violations } = await page.evaluate(
      (choice) => (globalThis as unknown as { axe: { run(options: object): Promise<axe.AxeResults> } }).axe.run(choice),
      options,
    )
    for (const { id, nodes } of violations) {
      found.push(...nodes.map(({ html }) => `${colorScheme} ${page.url()}: ${id} at ${html.slice(0, 120)}`))
    }
  }
  await page.emulateMedia({ colorScheme: 'light' })
  return found
}
