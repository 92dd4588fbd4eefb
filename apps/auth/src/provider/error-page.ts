// Errors of the engine as a page for a person (JSON is the engine's own affair), and what we say about each.
import type { Configuration, errors } from 'oidc-provider'
import { pageHeaders } from '../pages/headers.ts'
import { errorPage } from '../pages/index.ts'

type Details = readonly (readonly [string, string])[]

/** The words for a person and, for whoever helps them, the code. Our own failures say nothing about their cause. */
export function errorMessage(status: number, error: Error): { title: string; message: string; details: Details } {
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

export const renderError: NonNullable<Configuration['renderError']> = async (ctx, out, error) => {
  const status = ctx.status
  ctx.set(pageHeaders)
  const requestId = String(ctx.req.headers['x-request-id'] ?? '')
  ctx.body = errorPage({
    status,
    ...errorMessage(status, Object.assign(error, { error: out.error })),
    requestId,
    next: { label: 'Start page', href: '/' },
  })
}
