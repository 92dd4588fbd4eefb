import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { mcpError } from './mcp-error.ts'

const told = (code: number, message: string) =>
  mcpError(new URL('http://localhost:3000/mcp'), new ProtocolError(code, message), { subject: 'tools' })

test('who named a tool wrongly is sent to the list, who lost a call is not', () => {
  expect(told(ProtocolErrorCode.InvalidParams, 'Unknown tool')).toMatchObject({ command: 'tools' })
  const lost = told(ProtocolErrorCode.InternalError, 'The server that worked on this is gone: send the request again')
  expect(lost).toMatchObject({ code: 'tool_failed', hint: undefined })
  expect(lost.reason).toContain('send the request again')
})
