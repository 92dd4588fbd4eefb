import { z } from 'zod'
import { definePrompt } from './prompt.ts'

export const greetingTemplate = definePrompt({
  name: 'greeting-template',
  title: 'Greeting',
  description: 'Asks the model to greet somebody.',
  args: z.strictObject({ name: z.string().min(1).max(200).describe('Whom to greet') }),
  render: ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Please greet ${name} in a friendly manner.` } }],
  }),
})
