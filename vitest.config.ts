import { defineConfig } from 'vitest/config'

// Tests run the source of every package, not its build: see "exports" in each package.json.
const fromSource = {
  ssr: { resolve: { conditions: ['gatehouse-source', 'module', 'node', 'development|production'] } },
}
const execArgv = ['--conditions=gatehouse-source']
// what is looked at until it is so: on a machine that does much besides, a second is short
const expectation = { poll: { timeout: 10_000 } }

/** Keys that take long to make, once for all tests of the authorization server. */
const idTokenKeys = 'apps/auth/src/harness/id-token-keys.setup.ts'

// Real processes and a real browser: one file at a time, or they take the machine from each other.
const realProcesses = {
  execArgv,
  expect: expectation,
  globalSetup: 'packages/e2e/src/setup.ts',
  fileParallelism: false,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    projects: [
      {
        ...fromSource,
        test: {
          name: 'unit',
          include: ['apps/*/src/**/*.test.ts', 'packages/*/src/**/*.test.ts'],
          exclude: ['packages/e2e/**', '**/*.full.test.ts', '**/node_modules/**', '**/dist/**'],
          maxWorkers: '100%', // by itself vitest leaves one core alone, of two
          // what waits says for how long; this is for what hangs
          testTimeout: 30_000,
          hookTimeout: 60_000,
          execArgv,
          expect: expectation,
          globalSetup: idTokenKeys,
        },
      },
      {
        ...fromSource,
        test: {
          ...realProcesses,
          name: 'e2e',
          include: ['packages/e2e/src/*.test.ts', 'packages/e2e/src/{clients,replicas,upstream}/*.test.ts'],
          exclude: ['**/*.full.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        ...fromSource,
        test: {
          ...realProcesses,
          name: 'long',
          globalSetup: [realProcesses.globalSetup, idTokenKeys],
          include: ['packages/e2e/src/long/*.test.ts', 'packages/e2e/src/**/*.full.test.ts'],
          testTimeout: 600_000,
        },
      },
      {
        ...fromSource,
        test: {
          name: 'long-parallel',
          include: ['{apps,packages}/*/src/**/*.full.test.ts'],
          exclude: ['packages/e2e/**', '**/node_modules/**', '**/dist/**'],
          maxWorkers: '100%',
          testTimeout: 600_000,
          hookTimeout: 60_000,
          execArgv,
          expect: expectation,
          globalSetup: idTokenKeys,
        },
      },
      {
        ...fromSource,
        test: {
          name: 'docker',
          include: ['packages/e2e/src/docker/*.test.ts'],
          execArgv,
          expect: expectation,
          // what one builds the next one finds, and two stacks at once are slow
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
