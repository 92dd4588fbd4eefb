import { expect, test } from 'vitest'
import { readGatewayFile } from './read.ts'

const read = (limits: string) =>
  readGatewayFile(`version: 1\nupstreams: { a: { command: [x] }, b: { command: [y] } }\nlimits: ${limits}\n`)
const faultsIn = (limits: string) =>
  (read(limits).faults ?? []).map(({ line, column, message }) => `${line}:${column} ${message}`)

test('limits are read in times a second, a minute and an hour, by whom they count', () => {
  const { file } = read(
    '{ caller: 600/min, client: 5/s, tool: { a/transfer: 10/h, "b/*": 1/min, "builtin/x/y": 2/s } }',
  )
  expect(file?.limits).toEqual({
    caller: { count: 600, per: 'min' },
    client: { count: 5, per: 's' },
    tools: [
      { upstream: 'a', glob: 'transfer', rate: { count: 10, per: 'h' } },
      { upstream: 'b', glob: '*', rate: { count: 1, per: 'min' } },
      { upstream: 'builtin', glob: 'x/y', rate: { count: 2, per: 's' } },
    ],
  })
  expect(file?.parked).toBe(10)
  expect(read('{}').file?.limits).toEqual({ caller: undefined, client: undefined, tools: [] })
})

test('what is faulty in limits has a line and a column, and says what to write', () => {
  expect(faultsIn('{ caller: 600, client: 600/minute, tool: { a/x: 0/min, a/y: 1000001/s } }')).toEqual([
    '3:19 limits.caller: must be how many times in a time, such as 600/min',
    '3:32 limits.client: must be a whole number, a slash and a time (s, min, h), such as 600/min',
    '3:57 limits.tool.a/x: must be from 1 to 1000000 times',
    '3:69 limits.tool.a/y: must be from 1 to 1000000 times',
  ])
  expect(faultsIn('{ tool: { transfer: 1/min, c/transfer: 1/min }, calls: 1/s }')).toEqual([
    "3:19 limits.tool.transfer: must be upstream/name: its name, a slash, and a glob over the upstream's own",
    '3:36 limits.tool.c/transfer: there is no upstream of the name before the slash, there are a, b, builtin',
    '3:57 limits.calls: there is no such setting, there are caller, client, tool, parked',
  ])
  expect(faultsIn('{ caller: -1/min }')).toHaveLength(1)
  expect(faultsIn('{ tool: [a/x] }')).toEqual(['3:17 limits.tool: must be settings by name'])
})
