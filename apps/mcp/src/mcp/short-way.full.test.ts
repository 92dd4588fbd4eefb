// Thousands of requests, good ones and what may be wrong with them, to two servers in one process: one takes the short way
// where it can, one never does. Status, headers, bytes, log, audit and metrics are compared: see harness/two-ways.ts.
import { expect, test } from 'vitest'
import { startFixture } from '../gateway/harness/fixture-upstream.ts'
import { gatewayEnv } from '../gateway/harness/gateway.ts'
import { askGateway, askSource } from '../harness/asked-of-both.ts'

test('each of 2,000 generated requests to a source is answered on the short way as on the long way', async () => {
  const ran = await askSource({ count: 2_000, seed: 2_026 })
  expect(ran.short).toBeGreaterThan(500)
  expect(ran.mistaken).toBe(0)
})

const called = {
  tools: [
    'test_simple_text',
    'test_multiple_content_types',
    'test_error_handling',
    'test_tool_with_logging',
    'test_tool_with_progress',
    'test_elicitation',
    'test_custom_headers',
    'test_image_content',
  ],
  prompts: ['test_simple_prompt', 'test_prompt_with_arguments'],
  uris: ['test://static-text', 'test://static-binary', 'test://template/1/data'],
}
const rules = [
  { tools: ['fixture/test_image_content'], allow: false },
  { tools: ['fixture/test_error_handling'], when: 'caller.subject == "dev:ada"' },
  { tools: ['fixture/*'] },
  { prompts: ['fixture/*'] },
  { resources: ['fixture/*'] },
]

test.each(['http 2026', 'http 2025'] as const)(
  'each of 500 generated requests to a gateway is relayed on the short way as on the long way: %s behind it',
  async (kind) => {
    await using upstream = await startFixture(kind)
    const env = gatewayEnv({ fixture: upstream.settings }, { rules })
    const ran = await askGateway(env, called, { count: 500, seed: 7 })
    expect(ran.short).toBeGreaterThan(120)
    expect(ran.mistaken).toBe(0)
  },
)
