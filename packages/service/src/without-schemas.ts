import type { FastifyServerOptions } from 'fastify'

/**
 * Options for Fastify, of a service whose routes have no JSON schemas: what compiles those is not loaded. A route that has
 * one all the same fails when the service starts.
 */
export function withoutSchemas(): Pick<FastifyServerOptions, 'schemaController'> {
  const refuse = () => () => {
    throw new Error('Routes have no schemas here: say what a request may be in the code that reads it')
  }
  return { schemaController: { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } } }
}
