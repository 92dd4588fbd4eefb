import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { defineTool, text } from './tool.ts'

export const multiGreet = defineTool({
  name: 'multi-greet',
  title: 'Greet somebody several times',
  description: 'Says hello several times, with a pause before each, and tells what it is doing while it works.',
  scopes: ['mcp:tools:call'],
  isLong: true,
  input: z.strictObject({
    name: z.string().min(1).max(200).describe('Whom to greet'),
    count: z.int().min(1).max(10).default(3).describe('How many greetings'),
    pause: z.int().min(0).max(5_000).default(500).describe('Milliseconds before each greeting'),
  }),
  async run({ input: { name, count, pause }, notify, signal }) {
    await notify.message(`Starting to greet ${name}`)
    for (let done = 1; done <= count; done += 1) {
      await sleep(pause, undefined, { signal })
      await notify.message(`Greeting ${done} of ${count}: hello, ${name}!`)
      await notify.progress(done, count)
    }
    return text(`Greeted ${name} ${count} ${count === 1 ? 'time' : 'times'}.`)
  },
})
