// Looks for secrets where they do not belong: every one in every place, as it is and as it is written in other ways.

export interface Place {
  readonly name: string
  readonly text: string
  /** What is in it for certain: without it nothing was caught, and the search proves nothing. */
  readonly known: string
}

export interface Leak {
  readonly place: string
  readonly secret: string
  readonly spelling: string
}

/** By spelling. Base64 three times each: what stands before a secret moves it by bits. */
export function spellingsOf(secret: string): Readonly<Record<string, string>> {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const aligned = (encoding: 'base64' | 'base64url') =>
    [0, 1, 2].map((before) => {
      const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding)
      // whole characters of the secret alone
      const all = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
      return [`${encoding} ${before}`, all] as const
    })
  const all: Record<string, string> = {
    plain: secret,
    ...Object.fromEntries([...aligned('base64'), ...aligned('base64url')]),
    'for a URL': encodeURIComponent(secret),
    'for a URL, each byte': hex.replaceAll(/../g, '%$&').toUpperCase(),
    'for a URL, each byte in small letters': hex.replaceAll(/../g, '%$&'),
    hex,
    HEX: hex.toUpperCase(),
  }
  // each text once
  return Object.fromEntries(
    Object.entries(all).filter(([, text], at, every) => every.findIndex((one) => one[1] === text) === at),
  )
}

/** `secrets`: what each is, by its text. `belongs`: in which places something of that kind may be. */
export function findLeaks(
  places: readonly Place[],
  secrets: ReadonlyMap<string, string>,
  belongs: Readonly<Record<string, readonly string[]>> = {},
): readonly Leak[] {
  const leaks: Leak[] = []
  for (const [text, secret] of secrets)
    for (const [spelling, spelled] of Object.entries(spellingsOf(text)))
      for (const { name: place, text: all } of places)
        if (!belongs[secret]?.includes(place) && all.includes(spelled)) leaks.push({ place, secret, spelling })
  return leaks
}

export interface AnswerRecorder extends Disposable {
  /** Status, headers and bodies of what was answered at addresses that begin so, and not as one of `but`. */
  readonly from: (begin: string, ...but: readonly string[]) => Promise<string>
}

/** Keeps what is answered to every `fetch` of this process. */
export function recordAnswers(): AnswerRecorder {
  const { fetch } = globalThis
  const kept: Promise<{ readonly url: string; readonly text: string }>[] = []
  globalThis.fetch = async (...request: Parameters<typeof fetch>) => {
    const response = await fetch(...request)
    const { status, headers } = response
    const [target] = request
    const url = target instanceof Request ? target.url : String(target)
    const lines = [...headers].map((header) => header.join(': '))
    const body = response
      .clone()
      .text()
      .catch(() => '')
    kept.push(body.then((text) => ({ url, text: [String(status), ...lines, '', text].join('\n') })))
    return response
  }
  return {
    from: async (begin, ...but) =>
      (await Promise.all(kept))
        .filter(({ url }) => url.startsWith(begin) && !but.some((other) => url.startsWith(other)))
        .map(({ text }) => text)
        .join('\n\n'),
    [Symbol.dispose]: () => {
      globalThis.fetch = fetch
    },
  }
}
