// One of several programs that share a sign-in, as agents on one machine do: told a refresh token, it uses it. A process
// of its own, told and heard by messages.

export interface Order {
  readonly tokenEndpoint: string
  readonly fields: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
}

export interface Outcome {
  readonly status: number
  /** As it came, byte for byte. */
  readonly body: string
}

process.on('message', async ({ tokenEndpoint, fields, headers }: Order) => {
  const outcome: Outcome = await fetch(tokenEndpoint, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers,
  }).then(
    async (response) => ({ status: response.status, body: await response.text() }),
    (error: unknown) => ({ status: 0, body: String(error) }),
  )
  process.send?.(outcome)
})
