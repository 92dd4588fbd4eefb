// The guard where requests and responses are those of Fetch: Hono, Next, Bun, Deno, workers.
import type { Caller } from './access-token.ts'
import type { GuardAnswer } from './exchange.ts'
import type { Admission, Guard } from './guard.ts'
import { answerMetadata } from './metadata.ts'

/** The RFC 9728 document of one of these resources, or undefined for any other request. */
export function metadataResponse(guards: readonly Guard[], request: Request): Response | undefined {
  const answer = answerMetadata(guards, request)
  return answer && toResponse(answer, request.method)
}

/**
 * Who calls, if the request has a valid token for this resource and all of these scopes; else the response to send.
 * `onRefusal` is told why, for the log.
 */
export async function authorize(
  guard: Guard,
  request: Request,
  scopes: readonly string[] = [],
  onRefusal?: (refusal: Exclude<Admission, { caller: Caller }>) => void,
): Promise<Caller | Response> {
  const admission = await guard.admit(request, scopes)
  if ('caller' in admission) return admission.caller
  onRefusal?.(admission)
  return toResponse(admission.answer, request.method)
}

function toResponse({ status, headers, body }: GuardAnswer, method: string): Response {
  const type = body && { 'content-type': 'application/json; charset=utf-8' }
  return new Response(body && method !== 'HEAD' ? JSON.stringify(body) : null, {
    status,
    headers: { ...headers, ...type },
  })
}
