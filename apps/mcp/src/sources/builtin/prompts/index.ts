// The prompts of the demonstration: all there are. What a prompt is, is in prompt.ts.
import { greetingTemplate } from './greeting-template.ts'
import type { Prompt } from './prompt.ts'

/** Every prompt of this server, in the order in which it is listed. */
export const prompts: readonly Prompt[] = [greetingTemplate]
