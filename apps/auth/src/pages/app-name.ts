// The name of an app as a page shows it: nothing in it may look like what the page itself says of the app.
import type { AppFacts } from './facts.ts'
import { readAs } from './known-names.ts'
import { cleanText, displayName, readAtMost } from './text.ts'

/** Check marks, shields, stars, seals and every other picture: they say more than a name may. */
const pictures = /[\p{So}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\u221a]|\u20e3/gu

/** How this server vouches for an app, or for its host, without what {@link readAs} leaves out. */
const vouching = [
  'verified',
  'administrator',
  /(?:added|approved|checked|certified|confirmed|endorsed|registered|reviewed|trusted|vouched)(?:for)?by/,
].map((words) => (typeof words === 'string' ? readAs(words) : words))

/** What the page leaves of a name that an app gave itself: words are looked for in that, or what is taken out hides them. */
export function shownOf(name: string | undefined): string {
  return cleanText((name ?? '').replace(pictures, ''), readAtMost)
}

/** Whether a name that an app gave itself reads as if we, or anyone who runs this server, had checked it. */
export function claimsOurWord(name: string): boolean {
  const read = readAs(shownOf(name))
  return vouching.some((words) => (typeof words === 'string' ? read.includes(words) : words.test(read)))
}

/** Undefined where no name can be shown. The operator's apps are called what the operator calls them. */
export function appName({ name = '', trusted }: Pick<AppFacts, 'name' | 'trusted'>): string | undefined {
  if (trusted) return displayName(name)
  return claimsOurWord(name) ? undefined : displayName(shownOf(name))
}
