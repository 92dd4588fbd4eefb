import { type ParseArgsConfig, parseArgs } from 'node:util'

/** What was seen in the rounds of one run. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** A row of the table: what was measured, and its figures. A figure's name has its unit; ratios begin with `×`. */
export interface Row {
  readonly of: string
  readonly figures: Readonly<Record<string, Spread>>
  /** What else goes to the file. */
  readonly details?: object
}

/** Tells the person who waits what is done at the moment. */
export type Say = (text: string) => void

export interface Measurement {
  /** One sentence, for the list of measurements. */
  readonly about: string
  /** Its options, a line each; without them it takes none. */
  readonly options?: readonly string[]
  /**
   * Throws {@link OptionError}, or if the servers answer other than expected.
   */
  readonly run: (say: Say, options: readonly string[]) => Promise<readonly Row[]>
  /** The figures that come first in the table, in this order. By default they come as they are. */
  readonly columns?: readonly string[]
  /** The rows as a picture, in SVG. */
  readonly plot?: (rows: readonly Row[]) => string
}

/** A command line that is wrong: the message says what would be right. */
export class OptionError extends Error {}

/** As parseArgs of Node.js. Throws {@link OptionError}. */
export function parseOptions<const T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ options: T }>>['values'] {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new OptionError((error as Error).message)
  }
}
