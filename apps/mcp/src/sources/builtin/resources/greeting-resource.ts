import type { Resource } from './resource.ts'

export const greetingResource: Resource = {
  uri: 'https://example.com/greetings/default',
  name: 'greeting-resource',
  title: 'Default greeting',
  description: 'A greeting for everybody.',
  mimeType: 'text/plain',
  read: () => 'Hello, world!',
}
