// The verdicts as a picture, in SVG: a bar each, from where both are alike. Pure. A library for charts would bring some
// hundred kilobytes for what are rectangles and text.
import type { Spread } from './measurement.ts'
import { short } from './table.ts'
import type { Verdict } from './verdicts.ts'

const title = 'Gatehouse beside what people would take instead'
const width = 1_000
const labels = 530
const right = 850
const line = 22
const heading = 34
const top = 78

/** Each is told apart without its colour, too: by its side of the line, and by where the mark is. */
const colours = {
  met: '#2a7f5f',
  missed: '#c8641b',
  open: '#7d8894',
  ink: '#1d2730',
  faint: '#c9d0d6',
  target: '#1d2730',
}

interface Scale {
  readonly x: (value: number) => number
  readonly ticks: readonly number[]
  readonly unit: string
  /** Where bars begin. */
  readonly from: number
}

export function plotOf(verdicts: readonly Verdict[]): string {
  const [times, added] = [verdicts.filter(isTimes), verdicts.filter((verdict) => !isTimes(verdict))]
  const parts: string[] = []
  let y = top
  for (const [title, ofKind] of [
    ['How many times better the first is than the second. Left of 1× it is worse', times],
    ['What the first takes besides the second, in milliseconds. Less is better', added],
  ] as const) {
    if (ofKind.length === 0) continue
    const scale = ofKind === times ? logarithmic(ofKind) : linear(ofKind)
    const { svg, height } = panel(title, ofKind, scale, y)
    parts.push(svg)
    y += height
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 10}" font-family="Helvetica, Arial, sans-serif" font-size="13">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${y + 10}" fill="#fff"/>`,
    text(20, 30, title, { size: 19, bold: true }),
    legend(),
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function legend(): string {
  const entries = [
    ['met', 'does what is wanted'],
    ['missed', 'does not'],
    ['open', 'nothing is wanted'],
  ] as const
  const boxes = entries.map(([colour, what], index) => {
    const x = 20 + index * 165
    return `${rectangle(x, 46, 12, 12, colours[colour])}${text(x + 18, 57, what)}`
  })
  return `${boxes.join('')}${mark(527, 42)}${text(537, 57, 'what is wanted')}${whisker(665, 700, 52)}${text(708, 57, 'the rounds of the run')}`
}

function panel(title: string, verdicts: readonly Verdict[], scale: Scale, begin: number) {
  const parts: string[] = []
  let y = begin + 44
  for (const [what, alike] of Object.entries(Object.groupBy(verdicts, ({ details }) => details.what))) {
    parts.push(text(20, y + 20, what, { bold: true }))
    y += heading - 8
    for (const verdict of alike ?? []) {
      parts.push(bar(verdict, scale, y))
      y += line
    }
  }
  const grid = scale.ticks.map((tick) => {
    const x = scale.x(tick)
    const isBase = tick === scale.from
    const vertical = `<line x1="${x}" y1="${begin + 40}" x2="${x}" y2="${y + 4}" stroke="${isBase ? colours.ink : colours.faint}"/>`
    return `${vertical}${text(x, begin + 34, `${tick}${scale.unit}`, { anchor: 'middle', size: 11 })}`
  })
  return { svg: [text(20, begin + 16, title, { size: 14 }), ...grid, ...parts].join('\n'), height: y - begin + 14 }
}

function bar(verdict: Verdict, { x, from, unit }: Scale, y: number): string {
  const { ours, beside, figure, target, met } = verdict.details
  const { median, min, max } = resultOf(verdict)
  const colour = met === undefined ? colours.open : met ? colours.met : colours.missed
  const [a, b] = [x(from), x(median)]
  const said = `${short(median)}${unit}${target === undefined ? '' : `, wanted ${target}${unit}`}`
  return [
    text(34, y + 15, `${ours} / ${beside}`, { size: 12 }),
    text(labels - 8, y + 15, figure, { size: 11, anchor: 'end', colour: colours.open }),
    rectangle(Math.min(a, b), y + 4, Math.max(1, Math.abs(b - a)), line - 8, colour),
    whisker(x(min), x(max), y + line / 2),
    target === undefined ? '' : mark(x(target), y + 1),
    text(right + 10, y + 15, said, { size: 12 }),
  ].join('')
}

function isTimes({ details }: Verdict): boolean {
  return details.by !== 'added'
}

function resultOf({ figures }: Verdict): Spread {
  const result = figures['×'] ?? figures.added
  if (!result) throw new Error('There is nothing to draw')
  return result
}

/** All that has to be seen: results with their spreads, and what is wanted. */
function extent(verdicts: readonly Verdict[]): readonly number[] {
  return verdicts.flatMap((verdict) => {
    const { min, max } = resultOf(verdict)
    return [min, max, verdict.details.target ?? max]
  })
}

function logarithmic(verdicts: readonly Verdict[]): Scale {
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]
  const values = extent(verdicts)
  const low = steps.findLast((step) => step <= Math.min(0.5, ...values)) ?? 0.01
  const high = steps.find((step) => step >= Math.max(2, ...values)) ?? 1_000
  const place = (value: number) => Math.log(value / low) / Math.log(high / low)
  return {
    x: (value) => round(labels + Math.min(1, Math.max(0, place(value))) * (right - labels)),
    ticks: steps.filter((step) => step >= low && step <= high),
    unit: '×',
    from: 1,
  }
}

function linear(verdicts: readonly Verdict[]): Scale {
  const values = extent(verdicts)
  const high = Math.max(0.4, ...values)
  const low = Math.min(0, ...values)
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10].find((one) => (high - low) / one <= 7) ?? 20
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step)]
  return {
    x: (value) => round(labels + ((value / step - first) / (last - first)) * (right - labels)),
    ticks: Array.from({ length: last - first + 1 }, (_, index) => round((first + index) * step)),
    unit: ' ms',
    from: 0,
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

interface TextOptions {
  readonly size?: number
  readonly bold?: boolean
  readonly anchor?: 'end' | 'middle'
  readonly colour?: string
}

function text(x: number, y: number, content: string, { size = 13, bold, anchor, colour }: TextOptions = {}): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const more = `${bold ? ' font-weight="bold"' : ''}${anchor ? ` text-anchor="${anchor}"` : ''}`
  return `<text x="${x}" y="${y}" font-size="${size}" fill="${colour ?? colours.ink}"${more}>${escaped}</text>`
}

function rectangle(x: number, y: number, w: number, h: number, colour: string): string {
  return `<rect x="${round(x)}" y="${y}" width="${round(w)}" height="${h}" fill="${colour}"/>`
}

/** From the lowest to the highest. */
function whisker(from: number, to: number, y: number): string {
  return `<path d="M${from} ${y}H${to}M${from} ${y - 3}v6M${to} ${y - 3}v6" stroke="${colours.ink}" stroke-width="1" fill="none"/>`
}

function mark(x: number, y: number): string {
  return `<path d="M${x} ${y}v20" stroke="${colours.target}" stroke-width="3"/><path d="M${x - 5} ${y}h10l-5 6z" fill="${colours.target}"/>`
}
