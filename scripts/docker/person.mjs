// A person with a browser, as far as HTTP goes: keeps cookies, follows redirects, fills in forms and presses buttons.

/** `site` is where the person is: a redirect that leaves it is the end of the way, and is not followed. */
export function createPerson(site) {
  const cookies = new Map()

  async function visit(address, { form, headers = {} } = {}) {
    let body = form && new URLSearchParams(form)
    let url = new URL(address, site)
    for (let hop = 0; hop < 10; hop++) {
      if (url.origin !== site) return { url, html: '' }
      const response = await fetch(url, {
        method: body ? 'POST' : 'GET',
        body,
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(body && { origin: site, 'sec-fetch-site': 'same-origin' }),
          ...headers,
        },
        signal: AbortSignal.timeout(10_000),
      })
      keep(response)
      // a page between a decision and the app leads on by a Refresh header
      const refresh = /^0;url=(.+)$/.exec(response.headers.get('refresh') ?? '')?.[1]
      const location = response.headers.get('location') ?? refresh
      if (!location) return { url, status: response.status, html: await response.text() }
      url = new URL(location, url)
      body = undefined
    }
    throw new Error(`no end to the redirects at ${url}`)
  }

  function keep(response) {
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)
      if (value === '' || /;\s*max-age=0/i.test(cookie) || /expires=Thu, 01 Jan 1970/i.test(cookie))
        cookies.delete(name)
      else cookies.set(name, value)
    }
  }

  return {
    visit,
    /** Presses the button with this text; `fields` are typed into the form around it first. */
    press(page, button, { fields = {}, headers } = {}) {
      const form = formWith(page, button)
      return visit(new URL(form.action, page.url), { form: { ...form.fields, ...fields }, headers })
    },
  }
}

/** What a page says, without its markup. */
export function textOf({ html }) {
  return decode(html.replace(/<style.*?<\/style>/gs, '').replace(/<[^>]+>/g, ' ')).replace(/\s+/g, ' ')
}

function formWith(page, label) {
  for (const [, attributes, inside] of page.html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)) {
    const button = [...inside.matchAll(/<button\b([^>]*)>(.*?)<\/button>/gs)].find(
      ([, , content]) => textOf({ html: content }).trim() === label,
    )
    if (!button) continue
    const inputs = [...inside.matchAll(/<input\b([^>]*)>/g), button].map(([, each]) => [
      attribute(each, 'name'),
      attribute(each, 'value') ?? '',
    ])
    return { action: attribute(attributes, 'action'), fields: Object.fromEntries(inputs.filter(([name]) => name)) }
  }
  throw new Error(`no button "${label}" at ${page.url} (${page.status}): ${textOf(page).slice(0, 400)}`)
}

function attribute(attributes, name) {
  const match = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)
  return match ? decode(match[1]) : undefined
}

function decode(text) {
  const named = { amp: '&', lt: '<', gt: '>', quot: '"' }
  return text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name) return named[name] ?? whole
    return String.fromCodePoint(Number.parseInt(decimal ?? hex, decimal ? 10 : 16))
  })
}
