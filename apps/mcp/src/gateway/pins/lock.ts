// gatehouse.lock: what people reviewed of the upstreams' definitions. It stands beside the gateway's file, in the same
// repository, and is made for reading in a code review: sorted, indented, nothing invisible in it.
import { z } from 'zod'
import { digest } from '../digest.ts'
import { keyOf, kindsOfPins, type Lock, type Pin, type PinName } from './contract.ts'
import { hashOfPinned, pinnedForm } from './definition.ts'
import { visible, visibleJson } from './visible.ts'

export const lockName = 'gatehouse.lock'

const lockFile = z.strictObject({
  version: z.literal(1),
  pins: z.array(
    z.strictObject({
      upstream: z.string(),
      kind: z.enum(kindsOfPins),
      name: z.string().default(''),
      hash: z.string(),
      definition: z.unknown(),
    }),
  ),
})

export class LockError extends Error {}

export function pinOf(name: PinName, definition: unknown): Pin {
  const form = pinnedForm(definition)
  const { upstream, kind } = name
  return { upstream, kind, name: name.name, hash: hashOfPinned(form), definition: form }
}

export function lockOf(pins: readonly Pin[]): Lock {
  const sorted = pins.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))
  return { pins: sorted, print: digest(sorted.map((pin) => [keyOf(pin), pin.hash])) }
}

/** Throws a {@link LockError}, whose message says what is wrong with the text. */
export function readLock(text: string): Lock {
  const { pins } = parse(text)
  const known = new Set<string>()
  for (const pin of pins) {
    const what = `${visible(`${pin.upstream} ${pin.kind} ${pin.name}`).trim()}`
    if (known.has(keyOf(pin))) throw new LockError(`has ${what} twice`)
    known.add(keyOf(pin))
    // what a reviewer reads is what counts
    if (hashOfPinned(pin.definition) !== pin.hash)
      throw new LockError(`has another hash for ${what} than its definition`)
  }
  return lockOf(pins)
}

function parse(text: string): z.infer<typeof lockFile> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new LockError('is no JSON')
  }
  const { data, error } = lockFile.safeParse(value)
  if (data) return data
  const [issue] = error.issues
  throw new LockError(`is no lock of this version (${issue?.path.join('.')}: ${issue?.message})`)
}

export function textOfLock({ pins }: Lock): string {
  const rows = pins.map(({ upstream, kind, name, hash, definition }) => ({
    upstream,
    kind,
    ...(kind !== 'instructions' && { name }),
    hash,
    definition,
  }))
  return `${visibleJson({ version: 1, pins: rows }, 2)}\n`
}
