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

export interface Measurement {
  /** One sentence, for the list of measurements. */
  readonly about: string
  /** Its options, a line each; without them it takes none. */
  readonly options?: readonly string[]
  /**
   * `say` tells the person who waits what is done at the moment. Throws {@link OptionError}, or if the servers answer other
   * than expected.
   */
  readonly run: (say: (text: string) => void, options: readonly string[]) => Promise<readonly Row[]>
}

/** A command line that is wrong: the message says what would be right. */
export class OptionError extends Error {}
