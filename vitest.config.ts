import { defineConfig } from 'vitest/config'

// Tests run the source of every package, not its build: see "exports" in each package.json.
const fromSource = {
  ssr: { resolve: { conditions: ['gatehouse-source', 'module', 'node', 'development|production'] } },
}

export default defineConfig({
  test: {
    projects: [
      {
        ...fromSource,
        test: {
          name: 'unit',
          include: ['apps/*/src/**/*.test.ts', 'packages/*/src/**/*.test.ts'],
          exclude: ['packages/e2e/**', '**/node_modules/**', '**/dist/**'],
          execArgv: ['--conditions=gatehouse-source'],
        },
      },
      {
        ...fromSource,
        test: {
          name: 'e2e',
          include: ['packages/e2e/src/**/*.test.ts'],
          execArgv: ['--conditions=gatehouse-source'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
