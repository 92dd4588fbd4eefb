// What a prompt is: a message a person can choose and fill in. One file a prompt, the list in index.ts. Anyone who may read
// may have all of them.
import type { GetPromptResult } from '@modelcontextprotocol/server'
import type { z } from 'zod'

export interface PromptDefinition<Args extends z.ZodObject> {
  readonly name: string
  readonly title: string
  readonly description: string
  /** Texts: the protocol has no other arguments here. */
  readonly args: Args
  /** A method, so that a prompt of any arguments is a {@link Prompt}. */
  render(args: z.output<Args>): GetPromptResult
}

export type Prompt = PromptDefinition<z.ZodObject>

/** Ties the type of a prompt's arguments to its schema. */
export function definePrompt<Args extends z.ZodObject>(prompt: PromptDefinition<Args>): Prompt {
  return prompt
}
