// A difference in words. What stands in it comes from servers: it is shown in letters that can be seen, behind a bar, so that no
// text passes for words of ours.
import { type Difference, type ValueDifference, visible, visibleJson } from '@gatehouse/mcp/inspect'
import { type Change, diffWordsWithSpace } from 'diff'
import { shownName } from './live.ts'

type Paint = (format: 'red' | 'green' | 'bold', text: string) => string

/** Milliseconds that comparing two texts may take; then the one is shown after the other. */
const patience = 2_000
/** Characters of what is the same, at each end. */
const context = 80
/** Characters of a value that stands on the line of its path. */
const shortValue = 60

export function linesOf(difference: Difference, paint: Paint): readonly string[] {
  const { upstream, change, values } = difference
  const head = paint('bold', `${upstream}: ${shownName(difference)} ${words[change]}`)
  if (change === 'gone') return [head]
  return [head, ...values.flatMap((value) => valueLines(value, paint))]
}

const words = { new: 'is new', changed: 'changed', gone: 'is gone' } as const

/** As `$.inputSchema.properties["a b"].enum[0]`. */
export function jsonPath(path: ValueDifference['path']): string {
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`
    return /^[A-Za-z_$][\w$]*$/.test(step) ? `.${step}` : `[${visibleJson(step)}]`
  })
  return `$${steps.join('')}`
}

function valueLines({ path, before, now }: ValueDifference, paint: Paint): readonly string[] {
  const at = `  ${jsonPath(path)}`
  if (typeof before === 'string' && typeof now === 'string')
    return [`${at}:`, ...behindBar(wordDiff(before, now, paint))]
  if (before === undefined) return whole(path.length === 0 ? '' : `${at} is new:`, now, (text) => paint('green', text))
  if (now === undefined) return whole(`${at} is gone:`, before, (text) => paint('red', text))
  const [old, fresh] = [visibleJson(before), visibleJson(now)]
  if (old.length + fresh.length <= 2 * shortValue) return [`${at}: ${paint('red', old)} → ${paint('green', fresh)}`]
  return [
    ...whole(`${at} was:`, before, (text) => paint('red', text)),
    ...whole(`${at} is:`, now, (text) => paint('green', text)),
  ]
}

function whole(label: string, value: unknown, paint: (text: string) => string): readonly string[] {
  const short = visibleJson(value)
  if (label && short.length <= shortValue) return [`${label} ${paint(short)}`]
  const lines = behindBar(
    visibleJson(value, 2)
      .split('\n')
      .map((line) => paint(line))
      .join('\n'),
  )
  return label ? [label, ...lines] : lines
}

function behindBar(text: string): readonly string[] {
  return text.split('\n').map((line) => `    | ${line}`)
}

/** A text as `wdiff` writes it: `[-gone-]{+new+}`. */
function wordDiff(before: string, now: string, paint: Paint): string {
  const parts = phrases(
    diffWordsWithSpace(before, now, { timeout: patience }) ?? [
      { value: before, removed: true, added: false },
      { value: now, added: true, removed: false },
    ],
  )
  return parts
    .map(({ same, gone, fresh }, index) => {
      const old = gone && marked(gone, '[-', '-]', (text) => paint('red', text))
      const added = fresh && marked(fresh, '{+', '+}', (text) => paint('green', text))
      return `${old}${added}${lined(shortened(same, index === 0, index === parts.length - 1))}`
    })
    .join('')
}

/** A change, either part of which may be empty, and what is the same after it. */
interface Phrase {
  gone: string
  fresh: string
  same: string
}

/** Words that changed side by side are one change: between them there is nothing but space. */
function phrases(parts: readonly Pick<Change, 'value' | 'added' | 'removed'>[]): readonly Phrase[] {
  const all: Phrase[] = [{ gone: '', fresh: '', same: '' }]
  for (const [index, { value, added, removed }] of parts.entries()) {
    const last = all.at(-1) as Phrase
    const isBetween = !/\S/.test(value) && index > 0 && index < parts.length - 1
    if (!added && !removed && !isBetween) last.same += value
    else {
      const phrase = last.same === '' ? last : { gone: '', fresh: '', same: '' }
      if (phrase !== last) all.push(phrase)
      if (!added) phrase.gone += value
      if (!removed) phrase.fresh += value
    }
  }
  return all
}

/** Line by line, so that a colour ends where its line does. */
function marked(text: string, open: string, close: string, paint: (text: string) => string): string {
  const lines = text.split('\n')
  return lines
    .map((line, index) => {
      const end = index < lines.length - 1 ? '⏎' : ''
      return paint(`${index === 0 ? open : ''}${plain(line)}${end}${index === lines.length - 1 ? close : ''}`)
    })
    .join('\n')
}

const lined = (text: string) => text.split('\n').map(plain).join('\n')

/** Marks that a server wrote are none. */
function plain(text: string): string {
  return visible(text).replace(/\[-|-\]|\{\+|\+\}/g, (mark) => `${mark[0]}\\${mark[1]}`)
}

/** Only what is near a change. */
function shortened(text: string, isFirst: boolean, isLast: boolean): string {
  const characters = [...text]
  const [before, after] = [isFirst ? 0 : context, isLast ? 0 : context]
  if (characters.length <= before + after + context) return text
  return `${characters.slice(0, before).join('')} … ${after > 0 ? characters.slice(-after).join('') : ''}`
}
