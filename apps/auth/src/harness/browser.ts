// A person's browser at the level of HTTP: cookies, redirects, the headers a browser sends, and verbs for what a person
// does on our pages. It follows redirects on the issuer and stops where one leads elsewhere.
import type { IncomingHttpHeaders } from 'node:http'
import { CookieJar } from 'tough-cookie'
import { evidence } from './evidence.ts'
import { type Form, readForms, readHeading, readText } from './html.ts'
import { type Answer, encodeForm, type Headers, type Http } from './http.ts'

export interface Page {
  readonly status: number
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly html: string
  readonly heading: string
  readonly text: string
  readonly forms: readonly Form[]
  /** The statuses of the redirects that led here. */
  readonly redirects: readonly number[]
  /** Where the browser was sent that is not ours: the client's redirect address. */
  readonly leftTo?: URL
}

export interface Browser {
  readonly page: Page
  open(url: string, headers?: Headers): Promise<Page>
  /** Fills in and sends the form whose action ends like this. `fields` overwrite what is filled in. */
  submit(action: string, fields?: Readonly<Record<string, string>>, headers?: Headers): Promise<Page>
  /** Opens /device if need be. */
  enterCode(userCode: string): Promise<Page>
  logIn(name?: string): Promise<Page>
  approve(): Promise<Page>
  refuse(): Promise<Page>
  cancel(): Promise<Page>
  switchAccount(): Promise<Page>
  /** Another tab: the same cookies, a page of its own. */
  openTab(): Browser
  /** Name and value of each cookie there is for a path. */
  cookies(path?: string): Readonly<Record<string, string>>
  forgetCookies(): void
}

interface BrowserOptions {
  readonly issuer: string
  readonly http: Http
  /** Sent with every request. */
  readonly headers: Headers
  readonly jar?: CookieJar
}

const redirectsAtMost = 8

export function createBrowser(options: BrowserOptions): Browser {
  const { issuer, http, jar = new CookieJar() } = options
  let page: Page | undefined
  const current = (): Page => {
    if (!page) throw new Error('no page is open')
    return page
  }

  async function go(
    method: string,
    target: string,
    headers: Headers,
    body?: string,
    redirects: readonly number[] = [],
  ): Promise<Page> {
    const { href: url, pathname, search } = new URL(target, page?.url ?? issuer)
    const cookie = jar.getCookieStringSync(url)
    const answer = await http.exchange({
      method,
      path: pathname + search,
      headers: { ...browserHeaders, ...options.headers, ...headers, ...(cookie && { cookie }) },
      ...(body !== undefined && { body }),
    })
    for (const set of answer.headers['set-cookie'] ?? []) jar.setCookieSync(set, url)
    const refresh = /^0;url=(.+)$/.exec(String(answer.headers.refresh ?? ''))?.[1]
    const location = answer.headers.location ?? refresh
    if (location && (refresh || (answer.status >= 300 && answer.status < 400))) {
      if (redirects.length === redirectsAtMost) throw new Error(`too many redirects, last to ${location}`)
      const next = new URL(location, url)
      const hops = [...redirects, answer.status]
      if (next.origin === issuer)
        return go('GET', next.href, without(headers, 'content-type', 'origin'), undefined, hops)
      page = { ...toPage(url, answer, hops), leftTo: next }
      return page
    }
    page = toPage(url, answer, redirects)
    for (const { fields } of page.forms) evidence.plant('xsrf', fields.xsrf)
    return page
  }

  const browser: Browser = {
    get page() {
      return current()
    },
    open: (url, headers = {}) => go('GET', url, { 'sec-fetch-site': 'none', ...headers }),
    submit(action, fields = {}, headers = {}) {
      const form = current().forms.find((candidate) => candidate.action.endsWith(action))
      if (!form) throw new Error(`no form for ${action} on: ${current().text}`)
      const body = encodeForm({ ...form.fields, ...fields })
      // Chromium says so for forms of a page with Referrer-Policy: no-referrer
      const sent = {
        'content-type': 'application/x-www-form-urlencoded',
        origin: 'null',
        'sec-fetch-site': 'same-origin',
      }
      return go('POST', form.action, { ...sent, ...headers }, body)
    },
    async enterCode(userCode) {
      if (!page?.forms.some(({ action }) => action === '/device')) await browser.open('/device')
      return browser.submit('/device', { user_code: userCode })
    },
    logIn: (name = 'ada') => browser.submit('/login', { name }),
    approve: () => browser.submit('/decision', { decision: 'approve' }),
    refuse: () => browser.submit('/decision', { decision: 'refuse' }),
    cancel: () => browser.submit('/cancel'),
    switchAccount: () => browser.submit('/switch'),
    openTab: () => createBrowser({ ...options, jar }),
    cookies: (path = '/') =>
      Object.fromEntries(jar.getCookiesSync(issuer + path).map(({ key, value }) => [key, value])),
    forgetCookies: () => jar.removeAllCookiesSync(),
  }
  return browser
}

const browserHeaders = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-language': 'en',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36',
}

function toPage(url: string, { status, headers, text: html }: Answer, redirects: readonly number[]): Page {
  const read = { heading: readHeading(html), text: readText(html), forms: readForms(html) }
  return { status, url, headers, html, ...read, redirects }
}

function without(headers: Headers, ...names: string[]): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)))
}
