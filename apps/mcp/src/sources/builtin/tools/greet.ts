import { z } from 'zod'
import { defineTool, text } from './tool.ts'

export const greet = defineTool({
  name: 'greet',
  title: 'Greet somebody',
  description: 'Says hello to the person whose name is given.',
  scopes: ['mcp:tools:call'],
  input: z.strictObject({ name: z.string().min(1).max(200).describe('Whom to greet') }),
  run: ({ input }) => text(`Hello, ${input.name}!`),
})
