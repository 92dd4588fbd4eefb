import { expect, test } from 'vitest'
import { plotOf } from './plot.ts'
import { type Comparison, judge } from './verdicts.ts'

const of = (ours: number, theirs: number, more: Partial<Comparison> = {}) =>
  judge(
    { what: 'a call', ours: 'ours', beside: 'theirs', figure: 'ms', ...more },
    {
      ours: [{ ms: ours }],
      theirs: [{ ms: theirs }],
    },
  )
const colour = { met: '#2a7f5f', missed: '#c8641b', open: '#7d8894' }

/** The bars, without the boxes of the legend. */
function bars(svg: string) {
  return [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)" height="14" fill="(#\w+)"\/>/g)].map(
    ([, x, width, fill]) => ({ x: Number(x), end: Number(x) + Number(width), fill }),
  )
}

test('what is better goes right from where both are alike, what is worse goes left', () => {
  const [better, worse] = bars(plotOf([of(1, 10), of(10, 1)]))
  expect(better?.x).toBeCloseTo(worse?.end ?? 0)
  // the scale is logarithmic: ten times better is as far as ten times worse
  expect((better?.end ?? 0) - (better?.x ?? 0)).toBeCloseTo((worse?.end ?? 0) - (worse?.x ?? 0), 1)
})

test('the colour tells whether it is what is wanted', () => {
  const svg = plotOf([of(1, 2, { target: 1.5 }), of(1, 2, { target: 3 }), of(1, 2)])
  expect(bars(svg).map(({ fill }) => fill)).toEqual([colour.met, colour.missed, colour.open])
  expect(svg).toContain('>2×, wanted 1.5×<')
  expect(svg).toContain('>2×<')
})

test('what is added has a scale of its own, in milliseconds', () => {
  const svg = plotOf([of(1, 2), of(1.5, 1.25, { by: 'added', target: 0.3 })])
  expect(svg).toContain('>0.25 ms, wanted 0.3 ms<')
  expect(bars(svg).map(({ fill }) => fill)).toEqual([colour.open, colour.met])
  expect(plotOf([of(1, 2)])).not.toContain('in milliseconds')
})

test('names are text, and no markup', () => {
  const svg = plotOf([of(1, 2, { what: 'a <call> & more' })])
  expect(svg).toContain('a &lt;call> &amp; more')
})
