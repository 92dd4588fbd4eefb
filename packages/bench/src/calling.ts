// How calls are measured: by `relay`, `calls`, and what else asks MCP servers.
import { createCaller } from './caller.ts'
import { type Call, callOf2025, callOf2026 } from './calls.ts'
import type { McpServer } from './gateways.ts'
import type { LoadOptions, Subject } from './load.ts'

export const perCall: LoadOptions = { unit: 'call', count: 1_000, atOnce: 16, alone: 50 }

/** Calls of a client of 2026-07-28, to each of the servers in turn if there are several. */
export function calling2026(stack: AsyncDisposableStack, ...servers: readonly McpServer[]): Subject {
  const calls = servers.map((server) => callOf2026(callerOf(stack, server), server))
  return subjectOf(servers, calls)
}

/** Calls of a client of 2025-11-25 in a session. */
export async function calling2025(stack: AsyncDisposableStack, server: McpServer): Promise<Subject> {
  return subjectOf([server], [await callOf2025(callerOf(stack, server), server)])
}

function callerOf(stack: AsyncDisposableStack, { url }: McpServer) {
  return stack.use(createCaller(Number(new URL(url).port)))
}

function subjectOf(servers: readonly McpServer[], calls: readonly Call[]): Subject {
  return { pids: servers.map(({ pid }) => pid), ask: async (number) => calls[number % calls.length]?.() }
}
