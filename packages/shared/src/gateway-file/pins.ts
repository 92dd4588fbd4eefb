import type { PinsInFile } from './gateway-file.ts'

/**
 * Whether a definition of an upstream counts only as a person read and pinned it. What an upstream says of itself, such as
 * `annotations.readOnlyHint`, may decide something only then.
 */
export function arePinsEnforced({ pins }: { readonly pins: PinsInFile }): boolean {
  return pins.mode === 'enforce'
}
