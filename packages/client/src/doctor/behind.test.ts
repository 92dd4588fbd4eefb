import { expect, test } from 'vitest'
import { findingOf } from './behind.ts'

test('what the credential of a server lacks is told by its kind, with what to mend', () => {
  const findings = ['token-endpoint', 'issuer', 'client', 'token'].map((fault) =>
    findingOf({ upstream: 'ledger', fault }),
  )
  for (const { what, fix } of findings) {
    expect(what).toMatch(/^ledger gets no token: /)
    expect(fix).toContain('`credential')
  }
  expect(new Set(findings.map(({ what }) => what)).size).toBe(findings.length)
})

test('what a newer gateway says is told, too, and nothing of it moves the cursor', () => {
  const { what, fix, id } = findingOf({ upstream: 'led\u001b[2Jger', fault: 'of-tomorrow' })
  expect([what, fix, id]).toEqual(['ledger is in trouble.', "Look into the gateway's log.", 'upstream-of-tomorrow'])
})
