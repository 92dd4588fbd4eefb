import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { stylesheet } from './stylesheet.ts'

const { css, path } = stylesheet

/** WCAG 2.2, 1.4.3: text, and what is read like text. */
const text: readonly (readonly [foreground: string, background: string])[] = [
  ['text', 'card'],
  ['text', 'panel'],
  ['muted', 'card'],
  ['muted', 'panel'],
  ['accent', 'card'],
  ['accent', 'panel'],
  ['accent', 'accent-ground'],
  ['accent-strong', 'card'],
  ['accent-strong', 'panel'],
  ['on-accent', 'accent'],
  ['on-accent', 'accent-strong'],
  ['caution', 'caution-ground'],
  ['problem', 'problem-ground'],
  ['problem', 'card'],
]

/** WCAG 2.2, 1.4.11: what shows where a control is, or that it has the focus. */
const controls: typeof text = [
  ['edge', 'card'],
  ['accent', 'card'],
  ['problem', 'card'],
]

describe.each(['light', 'dark'])('in the %s scheme', (scheme) => {
  const colours = coloursOf(scheme)

  test.each(text)('%s on %s can be read: 4.5 to 1 at least', (foreground, background) => {
    expect(contrast(colours[foreground], colours[background])).toBeGreaterThanOrEqual(4.5)
  })

  test.each(controls)('%s on %s can be seen: 3 to 1 at least', (foreground, background) => {
    expect(contrast(colours[foreground], colours[background])).toBeGreaterThanOrEqual(3)
  })
})

test('the path names the content', () => {
  expect(path).toBe(`/assets/gatehouse-${createHash('sha256').update(css).digest('hex').slice(0, 12)}.css`)
})

test('it loads nothing, and every colour and variable that it uses is declared', () => {
  expect(css).not.toMatch(/url\(|@import|@font-face/)
  const declared = new Set(css.match(/--[\w-]+(?=:)/g))
  expect([...css.matchAll(/var\((--[\w-]+)\)/g)].filter(([, name]) => !declared.has(name ?? ''))).toEqual([])
})

test('motion is only for those who do not mind it', () => {
  const calm = css.replace(/@media \(prefers-reduced-motion: no-preference\) \{[^}]*\}\s*\}/, '')
  expect(calm).not.toMatch(/transition|animation/)
})

function coloursOf(scheme: string): Readonly<Record<string, string>> {
  const [light = '', dark = ''] = css.split('@media (prefers-color-scheme: dark)')
  const declarations = (scheme === 'light' ? light : dark).matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)
  return Object.fromEntries([...declarations].map(([, name, colour]) => [name, colour]))
}

/** WCAG 2.2, "contrast ratio" and "relative luminance". */
function contrast(one = '', other = ''): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(colour: string): number {
  const [red = Number.NaN, green = Number.NaN, blue = Number.NaN] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
