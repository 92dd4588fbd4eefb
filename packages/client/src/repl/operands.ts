import { cleanLine } from '@gatehouse/network'
import { usageError } from '../commands/options.ts'

/** `NAME {json}`: a word, and the rest of the line, `{}` if it is missing. Quotes around the rest are a shell's habit. */
export function readNameAndJson(rest: string, example: string): readonly [name: string, json: string] {
  const [, name = '', json = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? []
  if (name === '') throw usageError('Which one?', `For example: ${example}`)
  return [name, /^'(.*)'$/s.exec(json)?.[1] ?? (json || '{}')]
}

/** Whole numbers, as many as `names`; each may be left out. */
export function readNumbers(rest: string, names: readonly string[]): readonly (number | undefined)[] {
  const words = rest.split(/\s+/).filter(Boolean)
  if (words.length > names.length) throw usageError('That is too much.', `It takes ${names.join(' and ')}.`)
  return names.map((name, at) => {
    const word = words[at]
    if (word === undefined) return undefined
    if (!/^\d{1,9}$/.test(word))
      throw usageError(`"${cleanLine(word, 40)}" is not a number.`, `Give ${name} as a whole number.`)
    return Number(word)
  })
}
