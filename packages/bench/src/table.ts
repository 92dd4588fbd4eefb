import type { Row, Spread } from './measurement.ts'

/**
 * Markdown. Figures are medians with the lowest and the highest. A column a figure, or a row where there are many. `first` are
 * the figures that come first, in this order.
 */
export function tableOf(rows: readonly Row[], first: readonly string[] = []): string {
  const all = new Set(rows.flatMap(({ figures }) => Object.keys(figures)))
  const names = [...new Set([...first.filter((name) => all.has(name)), ...all])]
  const table = [['', ...names], ...rows.map(({ of, figures }) => [of, ...names.map((name) => cell(figures[name]))])]
  const [head = [], ...others] = names.length > rows.length ? transposed(table) : table
  const lines = [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...others]
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

function transposed(table: readonly (readonly string[])[]): string[][] {
  return (table[0] ?? []).map((_, column) => table.map((cells) => cells[column] ?? ''))
}

function cell(figure: Spread | undefined): string {
  if (!figure) return ''
  const [median, min, max] = [figure.median, figure.min, figure.max].map(short)
  return min === max ? `${median}` : `${median} (${min}..${max})`
}

/** Three digits that count, and never an exponent. */
export function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}
