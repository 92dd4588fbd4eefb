// What the guard reads of a request and what it answers, in the shape that every server can make: adapters translate.

export interface GuardRequest {
  readonly method: string
  /** A path with or without query, or a whole URL. */
  readonly url: string
  /** Pairs as they came, doubled ones included: names in any case. */
  readonly headers: Iterable<readonly [name: string, value: string]>
}

export interface GuardAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** To be sent as JSON. Undefined: no body. */
  readonly body: Readonly<Record<string, unknown>> | undefined
}

/** The values of one header, in the order in which they came. */
export function valuesOf({ headers }: Pick<GuardRequest, 'headers'>, wanted: string): readonly string[] {
  const values: string[] = []
  for (const [name, value] of headers) if (name.toLowerCase() === wanted) values.push(value)
  return values
}

/** Node's raw headers, which alone show a header that came twice. */
export function pairs(rawHeaders: readonly string[]): readonly (readonly [string, string])[] {
  return rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ''] as const] : []))
}
