// RSA keys take a while to make, and hundreds of servers are started by tests: all of a run share two.
import type { TestProject } from 'vitest/node'
import { createSigningKey, type SigningKey } from '../keys/signing-keys.ts'

export async function setup({ provide }: TestProject): Promise<void> {
  provide('idTokenKeys', await Promise.all([createSigningKey('RS256', 0), createSigningKey('RS256', 0)]))
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly idTokenKeys: readonly SigningKey[]
  }
}
