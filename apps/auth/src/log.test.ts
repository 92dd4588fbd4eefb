import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { createLogger } from './log.ts'

verifies(
  'T25',
  'what hangs on an error is not logged: a Redis error carries the command that failed, password included',
  () => {
    const lines: string[] = []
    const log = createLogger('info', { write: (line) => void lines.push(line) })
    const refused = Object.assign(new Error('WRONGPASS invalid username-password pair'), {
      command: { name: 'hello', args: ['3', 'AUTH', 'auth', 'planted-password'] },
    })
    log.error({ err: new Error('away', { cause: refused }) }, 'Redis cannot be reached')
    log.error({ err: refused }, 'Redis cannot be reached')
    expect(lines.join('')).toContain('WRONGPASS')
    expect(lines.join('')).not.toContain('planted-password')
  },
)
