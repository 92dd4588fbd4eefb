// Rules by what servers say of their tools (`ToolAnnotations` of MCP). What counts is the definition in the lock, which a person
// reviewed: what a server says now is not looked at here. A tool that says something else now is withheld: see ../pins.
import { type Hints, unsaidHints } from '@gatehouse/shared/gateway-file'
import { keyOf, type Lock } from '../pins/contract.ts'

/** What a rule asks of the pinned annotations of a tool. */
export interface AnnotationTest {
  readonly wanted: Hints
  /** Each hint by itself, one that is not said as the specification has it. Undefined: no tool of this name is pinned. */
  holds(upstream: string, tool: string): boolean | undefined
}

/** Makes the tests of all rules of a file. */
export function annotationTests({ pins }: Lock): (wanted: Hints) => AnnotationTest {
  const definitions = new Map(pins.map((pin) => [keyOf(pin), pin.definition]))
  return (wanted) => ({
    wanted,
    holds(upstream, name) {
      const key = keyOf({ upstream, kind: 'tool', name })
      if (!definitions.has(key)) return undefined
      const said = hintsIn(definitions.get(key))
      return Object.entries(wanted).every(([hint, value]) => said[hint as keyof typeof said] === value)
    },
  })
}

/** A lock may be written by hand: what is no hint is not said. */
function hintsIn(definition: unknown): Required<Hints> {
  const { annotations } = (definition ?? {}) as { readonly annotations?: Readonly<Record<string, unknown>> | null }
  const said = (name: keyof typeof unsaidHints): boolean => {
    const value = annotations?.[name]
    return typeof value === 'boolean' ? value : unsaidHints[name]
  }
  return {
    readOnlyHint: said('readOnlyHint'),
    destructiveHint: said('destructiveHint'),
    idempotentHint: said('idempotentHint'),
    openWorldHint: said('openWorldHint'),
  }
}
