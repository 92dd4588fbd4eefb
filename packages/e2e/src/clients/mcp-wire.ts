// MCP of 2025 at wire level: one tool called the way a client does that begins again.

export interface Caller {
  readonly resource: string
  readonly token: string
  readonly userAgent: string
  readonly clientInfo: { readonly name: string; readonly version: string }
  readonly protocolVersion: string
}

/** What `greet` says. Throws whatever else comes. */
export async function greet(caller: Caller): Promise<string> {
  const { protocolVersion, clientInfo } = caller
  const opened = await send(caller, {
    id: 1,
    method: 'initialize',
    params: { protocolVersion, capabilities: {}, clientInfo },
  })
  const session = opened.headers.get('mcp-session-id')
  const headers = { 'mcp-protocol-version': protocolVersion, ...(session && { 'mcp-session-id': session }) }
  await send(caller, { method: 'notifications/initialized' }, headers)
  const params = { name: 'greet', arguments: { name: clientInfo.name } }
  const { message } = await send(caller, { id: 2, method: 'tools/call', params }, headers)
  const { result } = message as { result?: { content?: readonly { text?: string }[] } }
  return result?.content?.[0]?.text ?? JSON.stringify(message)
}

async function send(
  { resource, token, userAgent }: Caller,
  message: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly headers: Headers; readonly message: unknown }> {
  const response = await fetch(resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'user-agent': userAgent,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status}: ${text}`)
  const data = response.headers.get('content-type')?.startsWith('text/event-stream')
    ? (/^data: (.+)$/m.exec(text)?.[1] ?? 'null')
    : text || 'null'
  return { headers: response.headers, message: JSON.parse(data) }
}
