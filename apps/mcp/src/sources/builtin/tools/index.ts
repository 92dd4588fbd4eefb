// The tools of the demonstration: all there are. What a tool is, is in tool.ts; who may call one is settled before.
import { greet } from './greet.ts'
import { multiGreet } from './multi-greet.ts'
import { startNotificationStream } from './start-notification-stream.ts'
import type { Tool } from './tool.ts'
import { whoami } from './whoami.ts'

/** Every tool of this server, in the order in which it is listed. */
export const tools: readonly Tool[] = [greet, multiGreet, whoami, startNotificationStream]
