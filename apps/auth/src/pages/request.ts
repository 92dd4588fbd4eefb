import { appName, shownOf } from './app-name.ts'
import type { AppFacts, FormFacts, ResourceFacts, ReturnsTo } from './facts.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { icons } from './icons.ts'
import { imitates } from './known-names.ts'
import { cleanText, displayHost } from './text.ts'

// The pieces of the pages that put a request before a person: who asks, for what, and the answer.

const groupsShown = 20

/** What every request puts before a person, in a browser or for a device. */
export interface RequestFacts {
  readonly form: FormFacts
  readonly app: AppFacts
  /** In plain words. */
  readonly scopes: readonly string[]
  /** Those of them that the app does not have yet, where it has others. */
  readonly added?: readonly string[] | undefined
  /** Absent for an app that only asks who the person is. */
  readonly resource?: ResourceFacts
  /** What stands behind it now and did not when the person approved this app before, by name. */
  readonly addedUpstreams?: readonly string[] | undefined
  /** Those of the person's groups that it is told of. */
  readonly groups?: readonly string[] | undefined
  readonly account: string
  /** Where what is approved here can be ended. */
  readonly appsAddress: string
  readonly switchAccount: FormFacts
}

/** What a fact is called and what it is. Facts come most telling first. */
export type Fact = readonly [label: string, value: Html]

export function factList(facts: readonly Fact[]): Html {
  return html`<dl class="facts">${facts.map(
    ([label, value]) => html`
<div><dt>${label}</dt><dd>${value}</dd></div>`,
  )}
</dl>`
}

/** Name and badge. The name is isolated, so that right-to-left letters in it do not reorder what stands around it. */
export function appIdentity(app: AppFacts): Html {
  const name = appName(app)
  return html`<strong class="name">${name ? html`<bdi>${name}</bdi>` : 'An app without a name'}</strong>
${badge(app)}`
}

function badge(app: AppFacts): Html {
  const { verifiedHost, trusted } = app
  if (trusted) return html`<span class="badge good">${icons.shield}<span>Added by an administrator</span></span>`
  if (!verifiedHost) return html`<span class="badge caution">${icons.attention}<span>Unverified app</span></span>`
  const host = html`<span class="host">${displayHost(verifiedHost)}</span>`
  return namedAfterAnother(app)
    ? html`<span class="badge caution">${icons.attention}<span>From ${host}</span></span>`
    : html`<span class="badge good">${icons.shield}<span>Verified: ${host}</span></span>`
}

function namedAfterAnother({ name, verifiedHost, trusted }: AppFacts): boolean {
  return !trusted && imitates(shownOf(name), verifiedHost && displayHost(verifiedHost))
}

/** Says aloud that a name is only a claim, where it is one that people trust on sight. */
export function nameWarning(app: AppFacts): Html | undefined {
  const { verifiedHost } = app
  const name = appName(app)
  if (!name || !namedAfterAnother(app)) return undefined
  return notice(
    'caution',
    html`This app calls itself “<bdi>${name}</bdi>”.`,
    verifiedHost
      ? html`It chose that name itself. All we know is that it comes from <b class="host">${displayHost(verifiedHost)}</b>.`
      : html`It chose that name itself and nobody has checked it. Be sure that you know who is asking.`,
  )
}

/** What the app gets. */
export function access({ scopes, added, resource, groups }: RequestFacts): readonly Fact[] {
  return [
    ['It may', permissions(scopes, added)],
    ...(resource ? [['Server', server(resource)] as const] : []),
    ...memberships(groups),
  ]
}

/** The answer, and what somebody may want instead. */
export function answer({ form, appsAddress, account, switchAccount }: RequestFacts): Html {
  return html`${decision(form)}
${wayBack(appsAddress)}
${signedInAs(account, switchAccount)}`
}

/** `added` are marked. */
export function permissions(scopes: readonly string[], added: readonly string[] = []): Html {
  if (scopes.length === 0) return html`Know that you signed in, and nothing else`
  return html`<ul class="permissions" role="list">${scopes.map(
    (scope) => html`
<li>${icons.check}<span>${cleanText(scope, 160)}${added.includes(scope) && html` <b class="badge good">New</b>`}</span></li>`,
  )}
</ul>`
}

export function server({ name, url, upstreams = [] }: ResourceFacts): Html {
  const behind = listed(upstreams)
  return html`<b><bdi>${cleanText(name)}</bdi></b>${behind && html`: <bdi>${behind}</bdi>`}
<span class="address">${cleanText(url, 512)}</span>`
}

/** What tokens for the server say of the person: nothing, unless they name groups. */
function memberships(groups: readonly string[] = []): readonly Fact[] {
  if (groups.length === 0) return []
  const others = groups.length - groupsShown
  const more = others > 0 && ` and ${others} more`
  return [
    [
      'About you',
      html`The server and the app are told that you are in: <b><bdi>${listed(groups.slice(0, groupsShown))}</bdi></b>${more}`,
    ],
  ]
}

/** Says what was put behind a server after the person approved this app there. */
export function newBehind(resource: ResourceFacts | undefined, added: readonly string[] = []): Html | undefined {
  if (!resource || added.length === 0) return undefined
  const [it, was] = added.length === 1 ? ['it', 'It was'] : ['them', 'They were']
  return notice(
    'caution',
    html`New at <bdi>${cleanText(resource.name)}</bdi>: <bdi>${listed(added)}</bdi>`,
    `${was} added after you approved this app. The app may use ${it}, too.`,
  )
}

function listed(names: readonly string[]): string {
  return names.map((each) => cleanText(each)).join(', ')
}

/** Where a browser goes on to. */
export function destination(returnsTo: ReturnsTo): Html {
  if (returnsTo.kind === 'web') return html`You will return to <b class="host">${displayHost(returnsTo.host)}</b>`
  if (returnsTo.kind === 'loopback') return html`You will return to <b>a program on this computer</b>`
  return html`You will return to <b>an app on this device</b> <span class="address">${cleanText(returnsTo.scheme)}://</span>`
}

/** Both answers in one form. Refusing comes first: it is what the first Tab reaches. */
function decision(form: FormFacts): Html {
  return html`<form method="post" action="${form.action}" class="decision">
${token(form)}${
  form.shown !== undefined &&
  html`
<input type="hidden" name="shown" value="${form.shown}">`
}
<button type="submit" name="decision" value="refuse" class="button">Refuse</button>
<button type="submit" name="decision" value="approve" class="button primary">Approve</button>
</form>`
}

export function signedInAs(account: string, switchAccount: FormFacts): Html {
  return html`<div class="account">
<p>Signed in as <b><bdi>${cleanText(account, 128)}</bdi></b></p>
${smallForm(switchAccount, 'Use another account')}
</div>`
}

/** A form that is nothing but its button. */
export function smallForm(form: FormFacts, label: string): Html {
  return html`<form method="post" action="${form.action}">
${token(form)}
<button type="submit" class="quiet">${label}</button>
</form>`
}

export function token({ xsrf }: FormFacts): Html {
  return html`<input type="hidden" name="xsrf" value="${xsrf}">`
}

/** The way back, for anyone who finds out later. `appsAddress` is that of the page of connected apps. */
function wayBack(appsAddress: string): Html {
  return html`<p class="muted">You can disconnect it at any time at <b>${cleanText(appsAddress, 512)}</b></p>`
}

const roles = { caution: undefined, problem: html` role="alert"`, good: html` role="status"` } as const

/** A box that must be read. A problem is announced as well, and so is what went well. */
export function notice(kind: keyof typeof roles, title: HtmlValue, text?: HtmlValue): Html {
  return html`<div class="notice ${kind}"${roles[kind]}>
${kind === 'good' ? icons.done : icons.attention}
<div><p class="title">${title}</p>${text && html`<p>${text}</p>`}</div>
</div>`
}
