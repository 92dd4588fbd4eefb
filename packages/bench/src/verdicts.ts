// How ours does beside what people would take instead, and beside what we want. Pure.
import type { Row } from './measurement.ts'
import { type Sample, spread } from './statistics.ts'

export interface Comparison {
  /** What both do, the same for all comparisons of a kind. */
  readonly what: string
  readonly ours: string
  /** The subject that ours is compared to. */
  readonly beside: string
  /** A figure of which less is better, unless its name ends with `a second`. */
  readonly figure: string
  /**
   * `times`: how many times better ours is; below 1 it is worse. `added`: what ours takes besides, in the figure's unit.
   * By default `times`.
   */
  readonly by?: 'times' | 'added'
  /** What is wanted: at least so many times, or at most so much. Absent: it is only looked at. */
  readonly target?: number
}

export interface Verdict extends Row {
  readonly details: Comparison & { readonly met: boolean | undefined }
}

/** The ratio or the difference is that of each round by itself. */
export function judge(comparison: Comparison, samples: Readonly<Record<string, readonly Sample[]>>): Verdict {
  const { ours, beside, figure, by = 'times', target } = comparison
  const valuesOf = (subject: string, name: string) => {
    const values = (samples[subject] ?? []).map((sample) => sample[name] ?? Number.NaN)
    if (values.length === 0 || values.some(Number.isNaN)) throw new Error(`There is no "${name}" of "${subject}"`)
    return values
  }
  const [mine, theirs] = [valuesOf(ours, figure), valuesOf(beside, figure)]
  const isRate = figure.endsWith('a second')
  const results = mine.map((value, round) => {
    const other = theirs[round] ?? Number.NaN
    if (by === 'added') return value - other
    return isRate ? value / other : other / value
  })
  const result = spread(results)
  const rate = isRate ? undefined : Object.keys(samples[ours]?.[0] ?? {}).find((name) => name.endsWith('a second'))
  const withRate = rate !== undefined && figure.startsWith('CPU') && samples[beside]?.[0]?.[rate] !== undefined
  return {
    of: `${ours} / ${beside}: ${figure}`,
    figures: {
      ours: spread(mine),
      beside: spread(theirs),
      [by === 'times' ? '×' : 'added']: result,
      ...(target !== undefined && { target: spread([target]) }),
      ...(withRate && {
        'a second, ours': spread(valuesOf(ours, rate)),
        'a second, beside': spread(valuesOf(beside, rate)),
      }),
    },
    details: { ...comparison, met: target === undefined ? undefined : isMet(by, result.median, target) },
  }
}

function isMet(by: 'times' | 'added', value: number, target: number): boolean {
  return by === 'times' ? value >= target : value <= target
}
