// A person's browser as far as HTTP goes, for tests with many people or many rounds: cookies by path, redirects, the
// forms of our pages. Tests with one person use a real one.
import type { Stack } from './stack.ts'

const redirectsAtMost = 8
const giveUpMs = 10_000

export interface Page {
  readonly status: number
  readonly headers: Headers
  readonly heading: string
  readonly text: string
  readonly html: string
  /** Where the browser was sent that is not ours: the app's redirect address. */
  readonly leftTo?: URL
  /** Milliseconds, redirects included. */
  readonly took: number
}

export interface Person {
  readonly page: Page
  readonly open: (url: string) => Promise<Page>
  /** Sends the form whose action ends like this, as the page has it, with `fields` typed in. */
  readonly submit: (action: string, fields?: Readonly<Record<string, string>>) => Promise<Page>
  readonly enterCode: (userCode: string) => Promise<Page>
  readonly logIn: (name?: string) => Promise<Page>
  readonly approve: () => Promise<Page>
  /** The id of the request of an app that the person is asked about. */
  readonly interaction: () => string
}

export interface PersonOptions {
  /** More headers for the next request. */
  readonly headers?: () => Readonly<Record<string, string>>
  /** Whether requests come as if forwarded from an address of this person alone, as limits are by address. By default true. */
  readonly forwarded?: boolean
  /** How an address is written on the wire. Cookies go along as they would with the plain one. */
  readonly spell?: (url: string) => string
}

let people = 0

export function createPerson(
  { issuer }: Pick<Stack, 'issuer'>,
  { headers: extra = () => ({}), forwarded = true, spell = (plain) => plain }: PersonOptions = {},
): Person {
  people += 1
  const address = `198.51.${Math.floor(people / 250) % 250}.${people % 250}`
  const cookies = new Map<string, { readonly name: string; readonly value: string; readonly path: string }>()
  let current: Page | undefined
  let url = new URL(issuer)

  const page = (): Page => {
    if (!current) throw new Error('no page is open')
    return current
  }
  const keep = (headers: Headers) => {
    for (const header of headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(header) ?? []
      const path = /;\s*path=([^;]+)/i.exec(header)?.[1] ?? '/'
      const isGone = value === '' || /expires=Thu, 01 Jan 1970/i.test(header)
      if (isGone) cookies.delete(`${name} ${path}`)
      else cookies.set(`${name} ${path}`, { name, value, path })
    }
  }
  const cookiesFor = ({ pathname }: URL) =>
    [...cookies.values()]
      .filter(({ path }) => path === '/' || pathname === path || pathname.startsWith(`${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')

  async function go(target: string, fields?: Readonly<Record<string, string>>): Promise<Page> {
    const started = performance.now()
    const took = () => performance.now() - started
    url = new URL(target, url)
    let form = fields
    for (let hop = 0; hop <= redirectsAtMost; hop += 1) {
      const response = await fetch(spell(url.href), {
        method: form ? 'POST' : 'GET',
        ...(form && { body: new URLSearchParams(form) }),
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          cookie: cookiesFor(url),
          ...(forwarded && { 'x-forwarded-for': address }),
          'sec-fetch-site': form ? 'same-origin' : 'none',
          ...extra(),
        },
        signal: AbortSignal.timeout(giveUpMs),
      })
      keep(response.headers)
      const html = await response.text()
      const seen = { status: response.status, headers: response.headers, ...read(html), html, took: took() }
      const location =
        response.headers.get('location') ?? /^0;url=(.+)/.exec(response.headers.get('refresh') ?? '')?.[1]
      if (!location) {
        current = seen
        return current
      }
      const next = new URL(location, url)
      if (next.origin !== issuer) {
        current = { ...seen, leftTo: next }
        return current
      }
      url = next
      form = undefined
    }
    throw new Error(`no end to the redirects at ${url}`)
  }

  const person: Person = {
    get page() {
      return page()
    },
    open: (target) => go(target),
    submit: (action, fields = {}) => {
      const form = formsOf(page().html).find((candidate) => candidate.action.endsWith(action))
      if (!form) throw new Error(`no form for ${action} on ${page().status}: ${page().text}`)
      return go(form.action, { ...form.fields, ...fields })
    },
    enterCode: async (userCode) => {
      await go(`${issuer}/device?user_code=${userCode}`)
      return person.submit('/device')
    },
    logIn: (name = 'ada') => person.submit('/login', { name }),
    approve: () => person.submit('/decision', { decision: 'approve' }),
    interaction: () => /\/interaction\/([\w-]+)/.exec(page().html)?.[1] ?? '',
  }
  return person
}

function read(html: string): Pick<Page, 'heading' | 'text'> {
  const plain = (part: string) =>
    decode(part.replace(/<[^>]+>/g, ' '))
      .replaceAll(/\s+/g, ' ')
      .trim()
  return { heading: plain(/<h1\b[^>]*>(.*?)<\/h1>/s.exec(html)?.[1] ?? ''), text: plain(html) }
}

function formsOf(html: string): { readonly action: string; readonly fields: Readonly<Record<string, string>> }[] {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([, attributes = '', inside = '']) => {
    const inputs = [...inside.matchAll(/<input\b([^>]*)>/g)].map(([, input = '']) => [
      attribute(input, 'name'),
      attribute(input, 'value'),
    ])
    return { action: attribute(attributes, 'action'), fields: Object.fromEntries(inputs.filter(([name]) => name)) }
  })
}

function attribute(attributes: string, name: string): string {
  return decode(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? '')
}

function decode(text: string): string {
  const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' }
  return text.replace(/&(?:#(\d+)|(\w+));/g, (whole, decimal: string | undefined, name: string) =>
    decimal ? String.fromCodePoint(Number(decimal)) : (named[name] ?? whole),
  )
}
