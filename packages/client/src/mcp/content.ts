import { cleanLine, cleanText } from '@gatehouse/network'
import type { CallToolResult, ContentBlock, GetPromptResult, ReadResourceResult } from '@modelcontextprotocol/client'

/** A tool's result as text for people. What is not text is named, not shown: `--json` has it whole. */
export function resultText({ content, structuredContent }: CallToolResult, limit?: number): string {
  if (content.length === 0 && structuredContent !== undefined)
    return cleanText(JSON.stringify(structuredContent, null, 2), limit)
  return cleanText(content.map(blockText).join('\n'), limit)
}

/** A prompt as text for people: each message after the role that says it. */
export function promptText({ messages }: GetPromptResult): string {
  return cleanText(messages.map(({ role, content }) => `${role}: ${blockText(content)}`).join('\n'))
}

/** What a resource holds as text for people. */
export function resourceText({ contents }: ReadResourceResult): string {
  return cleanText(contents.map((resource) => blockText({ type: 'resource', resource })).join('\n'))
}

function blockText(block: ContentBlock): string {
  switch (block.type) {
    case 'text':
      return block.text
    case 'image':
    case 'audio':
      return `[${block.type}, ${cleanLine(block.mimeType, 60)}, ${kibibytes(block.data)} KiB: use --json to get it]`
    case 'resource_link':
      return `[${cleanLine(block.title ?? block.name, 80)}: ${cleanLine(block.uri, 200)}]`
    case 'resource':
      return 'text' in block.resource ? block.resource.text : `[${cleanLine(block.resource.uri)}: use --json to get it]`
  }
}

function kibibytes(base64: string): number {
  return Math.ceil((base64.length * 3) / 4 / 1024)
}
