// How the grants of index.ts come into the engine. It registers those that it has through a public method, from inside its
// constructor; here each is wrapped on its way. Those that it does not have are registered after that.
import { errors, Provider, type TokenEndpointGrantContext } from 'oidc-provider'
import { consumption } from '../adapters/refresh-tokens.ts'
import { isOperatorRegistered } from '../clients/own-metadata.ts'
import { inEngineWords } from '../engine-errors.ts'
import { during } from '../operation.ts'
import { tellWholeScope } from '../request-parameters.ts'
import type { Grant, GrantApplicant, GrantHandler, GrantParts } from './grant.ts'

/**
 * Makes an engine that has these grants and no others. Throws {@link TypeError} where the table and the engine disagree:
 * that is a fault of ours, or another version of the engine.
 */
export function createEngineWith(
  grants: readonly Grant[],
  parts: GrantParts,
  ...engine: ConstructorParameters<typeof Provider>
): Provider {
  const missing = new Set(grants)
  class GrantsProvider extends Provider {
    override registerGrantType<Params extends object>(
      name: string,
      handler: (ctx: TokenEndpointGrantContext<Params>) => void | Promise<void>,
    ): void {
      const grant = grants.find((each) => each.name === name)
      if (!grant) throw new TypeError(`the engine has the grant ${name}, and grants/index.ts has no row for it`)
      missing.delete(grant)
      super.registerGrantType(name, wrapHandler(grant, handler as GrantHandler, parts), grant.parameters, 'resource')
    }
  }
  const provider = new GrantsProvider(...engine)
  for (const { name, handle } of grants) if (handle) provider.registerGrantType(name, handle)
  for (const { name } of missing)
    throw new TypeError(`the engine does not have the grant ${name}: give its row a handler`)
  return provider
}

/** From the inside: the answer is completed, then recorded by the grant's own wrapper, and what was thrown is translated. */
function wrapHandler(grant: Grant, handler: GrantHandler, parts: GrantParts): GrantHandler {
  const telling: GrantHandler = async (ctx) => {
    await handler(ctx)
    await consumption()
    tellWholeScope(ctx)
  }
  const run = grant.wrap?.(telling, parts) ?? telling
  return async (ctx) => {
    try {
      // what is stored of a client, or what it was when it registered, may say otherwise
      if (!grant.mayUse(asApplicant(ctx.oidc.client), parts.policy)) throw new errors.UnauthorizedClient()
      await during({ intent: 'redeem', by: ctx }, () => run(ctx))
    } catch (error) {
      throw inEngineWords(error)
    }
  }
}

export function asApplicant(client: { readonly clientAuthMethod?: string | undefined }): GrantApplicant {
  return { isOperatorRegistered: isOperatorRegistered(client), hasSecret: client.clientAuthMethod !== 'none' }
}
