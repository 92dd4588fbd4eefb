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
}

export interface Measurement {
  /** One sentence, for the list of measurements. */
  readonly about: string
  /** `say` tells the person who waits what is done at the moment. Throws if the servers answer other than expected. */
  readonly run: (say: (text: string) => void) => Promise<readonly Row[]>
}
