import type { FastifyReply, FastifyRequest } from 'fastify'

/** Public documents: a page on any origin may read them. */
export function allowAnyPage(reply: FastifyReply): FastifyReply {
  return reply.header('access-control-allow-origin', '*')
}

/** For a page that sends a header of its own with the request, and so asks first. */
export async function answerAnyPreflight(_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return allowAnyPage(reply)
    .code(204)
    .header('access-control-allow-methods', 'GET, HEAD')
    .header('access-control-allow-headers', '*, authorization')
    .header('access-control-max-age', '3600')
    .send()
}
