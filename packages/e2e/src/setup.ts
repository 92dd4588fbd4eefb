// Runs once before the end to end tests: puts the browser in place, so that no two tests unpack it at the same time.
import type { TestProject } from 'vitest/node'
import { type Browser, prepareBrowser } from './harness/browser-binary.ts'

declare module 'vitest' {
  interface ProvidedContext {
    readonly browser: Browser
  }
}

export async function setup(project: TestProject): Promise<void> {
  project.provide('browser', await prepareBrowser())
}
