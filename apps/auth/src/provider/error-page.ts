// Errors of the engine as a page for a person (JSON is the engine's own affair), and what we say about each.
import type { Configuration, errors } from 'oidc-provider'
import { pageHeaders } from '../pages/headers.ts'
import { errorPage } from '../pages/index.ts'
import { displayHost } from '../pages/text.ts'
import { DocumentUnavailableError } from './clients/documents/document-unavailable.ts'
import { type KeptError, keptError } from './error-redirects.ts'

type Details = readonly (readonly [string, string])[]

/** The words for a person and, for anyone who helps them, the code. Our own failures say nothing about their cause. */
export function errorMessage(status: number, error: Error): { title: string; message: string; details: Details } {
  if (error instanceof DocumentUnavailableError) return unreadMessage(error)
  if (status >= 500) {
    const busy = status === 503
    return {
      title: busy ? 'We are busy' : 'That did not work',
      message: busy
        ? 'Sign-in is not available right now. Try again in a moment.'
        : 'Something went wrong on our side. Try again in a moment.',
      details: [],
    }
  }
  const {
    error: code = error.name,
    error_description: description = '',
    error_detail: detail,
  } = error as Partial<errors.OIDCProviderError> & { error_detail?: string }
  const message = messages[code] ?? 'The app sent a request that we cannot accept. Go back to the app and start again.'
  return {
    title: 'That did not work',
    message,
    details: [
      ['Error', code],
      ['Reason', detail ?? description],
    ].filter(([, text]) => text) as unknown as Details,
  }
}

const messages: Readonly<Record<string, string>> = {
  invalid_client:
    'The app is not known here, or no longer. Go back to the app, remove the connection and connect again.',
  invalid_redirect_uri:
    'The app asked to be answered at an address that it did not register. For your safety we stop here.',
  invalid_target: 'The app asked for a server that we do not look after.',
}

/** Nothing the app could mend by connecting again. */
function unreadMessage({ host, reason, error: code, error_description: why = '' }: DocumentUnavailableError) {
  const place = displayHost(host)
  const advice =
    reason === 'not_admitted'
      ? `This server reads none from there. Ask the people who run it to admit ${place}.`
      : 'This server could not read it. Try again in a few minutes, and if it stays so ask the people who run this server.'
  return {
    title: 'We could not read who the app is',
    message: `The app says who it is in a document at ${place}. ${advice}`,
    details: [
      ['Error', code],
      ['Reason', why],
    ] as const,
  }
}

/** What the app is not told, because a redirect would have to. */
function keptMessage({ host }: KeptError, code: unknown): { title: string; message: string } {
  return code === 'access_denied'
    ? {
        title: 'Nothing was shared',
        message: `You cancelled. Nobody has checked the app that asked, so you are not sent on to ${host} by itself.`,
      }
    : {
        title: 'That did not work',
        message: `The app sent a request that we cannot answer. Nobody has checked the app, so you are not sent on to ${host}. If you were using it, go back there and start again.`,
      }
}

export const renderError: NonNullable<Configuration['renderError']> = async (ctx, out, error) => {
  const kept = keptError(error)
  // that of a redirect, where it was to be one
  if (ctx.status < 400) ctx.status = 400
  const status = ctx.status
  ctx.set(pageHeaders)
  const requestId = String(ctx.req.headers['x-request-id'] ?? '')
  ctx.body = errorPage({
    status,
    ...errorMessage(status, Object.assign(error, { error: out.error })),
    ...(kept && status < 500 && keptMessage({ ...kept, host: displayHost(kept.host) }, out.error)),
    requestId,
    next: kept?.wayOn
      ? { label: `Back to ${displayHost(kept.host)}`, href: withParameters(kept.wayOn, out) }
      : { label: 'Start page', href: '/' },
  })
}

/** RFC 6749 §4.1.2.1 */
function withParameters(address: string, out: object): string {
  const url = new URL(address)
  for (const [name, value] of Object.entries(out)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url.href
}
