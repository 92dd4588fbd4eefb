import { logOptions } from '@gatehouse/service'
import { verifies } from '@gatehouse/testing'
import Fastify from 'fastify'
import { expect } from 'vitest'

verifies(
  'M23',
  'what hangs on an error is not logged: a Redis error carries the command that failed, password included',
  () => {
    const lines: string[] = []
    const { log } = Fastify({
      logger: { ...logOptions('info'), stream: { write: (line: string) => void lines.push(line) } },
    })
    const refused = Object.assign(new Error('WRONGPASS invalid username-password pair'), {
      command: { name: 'hello', args: ['3', 'AUTH', 'mcp', 'planted-password'] },
    })
    log.error({ err: new Error('away', { cause: refused }) }, 'Redis cannot be reached')
    log.error({ err: refused }, 'Redis cannot be reached')
    expect(lines.join('')).toContain('WRONGPASS')
    expect(lines.join('')).not.toContain('planted-password')
  },
)
