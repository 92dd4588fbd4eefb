import { paths } from '../paths.ts'
import { describeAgent } from './agent.ts'
import { appName } from './app-name.ts'
import type { AppFacts, FormFacts, ResourceFacts, ReturnsTo } from './facts.ts'
import { type Html, html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'
import { appIdentity, type Fact, factList, notice, permissions, server, signedInAs, token } from './request.ts'
import { cleanText, displayHost } from './text.ts'
import { timeAgo, timeToWait } from './time-ago.ts'

interface Connection {
  readonly id: string
  readonly app: AppFacts
  /** Scopes in plain words. */
  readonly access: readonly { readonly resource?: ResourceFacts; readonly scopes: readonly string[] }[]
  /** In milliseconds. */
  readonly approvedAt: number
  readonly usedAt: number
  /** `agent` is the User-Agent header. Neither this nor `returnsTo`: it is not known how the approval came to be. */
  readonly device?: { readonly address?: string; readonly agent?: string } | undefined
  readonly returnsTo?: ReturnsTo | undefined
}

export interface ConnectedAppsFacts {
  readonly apps: readonly Connection[]
  /** Posts `grant`, the id of one of them, or `all`: "yes". */
  readonly disconnect: FormFacts
  /** What became of a form that was sent. Without `app` it was about all of them. */
  readonly outcome?:
    | { readonly kind: 'ended'; readonly app: AppFacts | undefined }
    | { readonly kind: 'nothing_left' | 'out_of_date' }
    | undefined
  /** In seconds. */
  readonly accessTokenLifetime: number
  /** In milliseconds. */
  readonly now: number
  readonly account: string
  readonly switchAccount: FormFacts
}

/** What a person approved and can end (RFC 8628 §5.4: the way back for anyone who was talked into it). */
export function connectedAppsPage(facts: ConnectedAppsFacts): string {
  const { apps, account, switchAccount } = facts
  return layout({
    heading: 'Connected apps',
    problem: facts.outcome?.kind === 'out_of_date',
    body: html`
${outcome(facts)}
${apps.length === 0 ? nothing : list(facts)}
${signedInAs(account, switchAccount)}`,
  })
}

const nothing = html`<p>No app and no device is connected to your account.</p>
<a class="button" href="${paths.device}">Enter a code from a device</a>`

function list({ apps, disconnect, accessTokenLifetime, now }: ConnectedAppsFacts): Html {
  return html`<p>These apps and devices can use your account. Disconnect what you do not know or no longer use.</p>
<ul class="connections" role="list">${apps.map(
    (app) => html`
<li><h2>${appIdentity(app.app)}</h2>
${factList([...accessTo(app), ['Approved', approval(app, now)], ['Last used', when(app.usedAt, now)]])}
${button(disconnect, { name: 'grant', value: app.id }, html`Disconnect<span class="unseen"> ${nameOf(app.app)}</span>`)}</li>`,
  )}
</ul>
${apps.length > 1 && button(disconnect, { name: 'all', value: 'yes' }, 'Disconnect all')}
<p class="muted">An app that you disconnect has to ask you again. What it was given last works for up to ${timeToWait(accessTokenLifetime)} more.</p>`
}

function outcome({ outcome, accessTokenLifetime }: ConnectedAppsFacts): Html | undefined {
  switch (outcome?.kind) {
    case undefined:
      return undefined
    case 'ended':
      return outcome.app
        ? notice(
            'good',
            html`${nameOf(outcome.app)} is disconnected.`,
            `It has to ask you again. What it was given last works for up to ${timeToWait(accessTokenLifetime)} more.`,
          )
        : notice(
            'good',
            'Everything is disconnected.',
            `Each app has to ask you again. What they were given last works for up to ${timeToWait(accessTokenLifetime)} more.`,
          )
    case 'nothing_left':
      return notice('good', 'It was disconnected already.')
    case 'out_of_date':
      return notice('problem', 'That page was out of date.', 'Nothing was changed. Try again here.')
  }
}

function nameOf(app: AppFacts): Html {
  const shown = appName(app)
  return shown ? html`<bdi>${shown}</bdi>` : html`An app without a name`
}

function accessTo({ access }: Connection): readonly Fact[] {
  if (access.length === 0) return [['It may', permissions([])]]
  return access.flatMap(({ resource, scopes }): readonly Fact[] => [
    ['It may', permissions(scopes)],
    ...(resource ? [['Server', server(resource)] as const] : []),
  ])
}

function approval({ approvedAt, device, returnsTo }: Connection, now: number): Html {
  if (device) {
    const address = cleanText(device.address ?? '')
    return html`${when(approvedAt, now)}, for a device: ${describeAgent(device.agent)}${address && html`, from <b>${address}</b>`}`
  }
  return html`${when(approvedAt, now)}${returnsTo && html`, in a browser, ${destination(returnsTo)}`}`
}

function destination(returnsTo: ReturnsTo): Html {
  if (returnsTo.kind === 'web') return html`for <b class="host">${displayHost(returnsTo.host)}</b>`
  return returnsTo.kind === 'loopback'
    ? html`for a program on that computer`
    : html`for an app on that device <span class="address">${cleanText(returnsTo.scheme)}://</span>`
}

function when(then: number, now: number): Html {
  return html`<time datetime="${new Date(then).toISOString()}">${timeAgo(then, now)}</time>`
}

function button(form: FormFacts, field: { readonly name: string; readonly value: string }, label: Html | string): Html {
  return html`<form method="post" action="${form.action}">
${token(form)}
<input type="hidden" name="${field.name}" value="${field.value}">
<button type="submit" class="button">${icons.refused}<span>${label}</span></button>
</form>`
}
