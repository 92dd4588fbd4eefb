// What oidc-provider shows a person in the device flow (RFC 8628 §3.3), as our pages. Entering a code is the engine's
// whole "confirm" step: signing in and the one page that is confirmation and consent together come after it.
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { pageHeaders } from '../../pages/headers.ts'
import {
  type DeviceEntryFacts,
  deviceDonePage,
  deviceEntryPage,
  deviceRefusedPage,
  errorPage,
  expiredPage,
} from '../../pages/index.ts'
import { paths } from '../../paths.ts'
import { showUserCode } from '../../user-codes.ts'
import type { Xsrf } from '../../xsrf.ts'
import { errorMessage } from '../error-page.ts'
import { appFacts } from '../people/facts.ts'

/** What is known before the engine renders the form: the code from the link, and why the form is shown again. */
export interface EntryForm {
  readonly userCode?: string
  readonly problem?: NonNullable<DeviceEntryFacts['problem']>
  readonly retryAfterSeconds?: number
}

export interface DevicePages {
  readonly input: (ctx: KoaContextWithOIDC, form: string, out?: unknown, error?: Error) => Promise<void>
  readonly confirm: (ctx: KoaContextWithOIDC) => Promise<void>
  readonly success: (ctx: KoaContextWithOIDC) => Promise<void>
}

/** The binding of the entry form's XSRF token. The uid of a session stays when its id changes at sign-in. */
export const entryBinding = (sessionUid: string): string => `device:${sessionUid}`

/** `formFor` tells what the route in front of the engine knows about this request. */
export function createDevicePages(xsrf: Xsrf, formFor: (request: object) => EntryForm | undefined): DevicePages {
  return {
    async input(ctx, _form, _out, error) {
      const show = (status: number, html: string) => answer(ctx, status, html)
      const entry = (status: number, form: EntryForm) => {
        const sessionUid = ctx.oidc.session?.uid ?? ''
        show(
          status,
          deviceEntryPage({ form: { action: paths.device, xsrf: xsrf.issue(entryBinding(sessionUid)) }, ...form }),
        )
      }
      if (!error) return entry(200, formFor(ctx.req) ?? {})
      switch (error.name) {
        case 'AbortedError':
          return show(200, deviceRefusedPage())
        case 'NoCodeError':
          return entry(400, { problem: 'missing_code' })
        case 'NotFoundError':
        case 'ExpiredError':
        case 'AlreadyUsedError':
        // somebody else was faster by a moment
        case 'InvalidGrant':
          // one answer for all of them: which it was is nobody's business who guesses
          if (ctx.oidc.route === 'code_verification') return entry(400, { problem: 'wrong_code', userCode: typed(ctx) })
          return show(400, expiredPage({ device: true }))
      }
      if (error instanceof errors.SessionNotFound) return show(400, expiredPage({ device: true }))
      const status = (error as { statusCode?: number }).statusCode ?? 500
      show(
        status,
        errorPage({
          status,
          ...errorMessage(status, error),
          requestId: String(ctx.req.headers['x-request-id'] ?? ''),
          next: { label: 'Enter a code', href: paths.device },
        }),
      )
    },
    async confirm() {
      throw new TypeError('the entry route always confirms: see device-entry.ts')
    },
    async success(ctx) {
      const { client } = ctx.oidc
      const app = client && appFacts(client)
      answer(ctx, 200, deviceDonePage({ app, appsAddress: new URL(paths.apps, ctx.oidc.issuer).href }))
    },
  }
}

/** What was entered, as device-entry.ts normalised it, in the form in which devices show it. */
function typed({ oidc: { params } }: KoaContextWithOIDC): string {
  return showUserCode(String(params?.user_code ?? ''))
}

function answer(ctx: KoaContextWithOIDC, status: number, html: string): void {
  ctx.status = status
  ctx.set(pageHeaders)
  ctx.body = html
}
