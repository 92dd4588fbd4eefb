// Two tabs of one browser that sign in as two people: between the sign-in of one and its redirect back to the engine the
// session became the other's. The engine would offer to sign that one out, with a form that posts itself to a page that
// we do not have. Here the request has expired: whose it is now is for the person to say, from the beginning.
import type { KoaContextWithOIDC } from 'oidc-provider'
import { pageHeaders } from '../../pages/headers.ts'
import { expiredPage } from '../../pages/index.ts'
import { wireErrors } from '../../wire-errors.ts'

/** To be called once the engine has answered. */
export async function answerOtherPerson(ctx: KoaContextWithOIDC): Promise<void> {
  // of an answer that went well, the session is that of the sign-in
  const { Interaction: interaction } = ctx.oidc?.entities ?? {}
  const signedIn = interaction?.result?.login?.accountId
  const whose = ctx.oidc?.session?.accountId
  if (!interaction || !signedIn || !whose || signedIn === whose) return
  await interaction.destroy()
  const { status, error, description } = wireErrors.requestGone
  ctx.status = status
  if (ctx.accepts('json', 'html') === 'html') {
    ctx.set(pageHeaders)
    ctx.body = expiredPage({ device: ctx.oidc.route === 'device_resume' })
  } else {
    ctx.set('cache-control', 'no-store')
    ctx.body = { error, error_description: description }
  }
}
