// Text in, settings out, or every fault at once.
import { isClientFile, readClientFile } from './client-file.ts'
import { definition } from './definition.ts'
import { type Fault, parseText } from './document.ts'
import { faultsOf } from './faults.ts'
import type { GatewayFile, Surroundings } from './gateway-file.ts'
import { checkReferences, warningsOf } from './references.ts'
import { settle } from './settle.ts'

export type GatewayFileResult =
  | { readonly file: GatewayFile; readonly faults?: undefined; readonly warnings: readonly Fault[] }
  | { readonly file?: undefined; readonly faults: readonly Fault[]; readonly warnings: readonly Fault[] }

/** Reads YAML, and so JSON. A file with `mcpServers` is a client's: see client-file.ts. */
export function readGatewayFile(text: string, surroundings: Surroundings = {}): GatewayFileResult {
  const parsed = parseText(text)
  if ('length' in parsed) return { faults: parsed, warnings: [] }
  if (isClientFile(parsed.value)) {
    const { file, ...told } = readClientFile(parsed, surroundings)
    return told.faults.length > 0
      ? { ...told, faults: inOrder(told.faults) }
      : { file, warnings: inOrder(told.warnings) }
  }
  const result = definition.safeParse(parsed.value)
  const faults = [...faultsOf(result.error?.issues ?? [], parsed), ...checkReferences(parsed, surroundings)]
  if (!result.success || faults.length > 0) return { faults: inOrder(faults), warnings: [] }
  const file = settle(result.data, parsed)
  return { file, warnings: inOrder(warningsOf(file, parsed)) }
}

/** As the file has them. */
function inOrder(faults: readonly Fault[]): readonly Fault[] {
  return faults.toSorted((one, other) => one.line - other.line || one.column - other.column)
}
