import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { defineTool, text } from './tool.ts'

/** Milliseconds. A token does not live much longer, and the stream ends with it. */
const longest = 600_000

export const startNotificationStream = defineTool({
  name: 'start-notification-stream',
  title: 'Send notifications for a while',
  description: 'Sends a notification at every interval, so many times, and then ends. For trying out streams.',
  scopes: ['mcp:tools:call', 'mcp:tools:notify'],
  isLong: true,
  input: z
    .strictObject({
      interval: z.int().min(10).max(60_000).default(100).describe('Milliseconds between two notifications'),
      count: z.int().min(1).max(500).default(50).describe('How many notifications'),
    })
    .refine(({ interval, count }) => interval * count <= longest, 'at most ten minutes in all'),
  async run({ input: { interval, count }, notify, signal }) {
    for (let sent = 1; sent <= count; sent += 1) {
      await sleep(interval, undefined, { signal })
      await notify.message(`Notification ${sent} of ${count}`)
      await notify.progress(sent, count)
    }
    return text(`Sent ${count} notifications, one every ${interval} ms.`)
  },
})
