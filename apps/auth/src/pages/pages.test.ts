import { verifies } from '@gatehouse/testing'
import { describe, expect, test } from 'vitest'
import {
  type AppFacts,
  type ConnectedAppsFacts,
  type ConsentFacts,
  connectedAppsPage,
  consentPage,
  type DeviceApprovalFacts,
  deviceApprovalPage,
  deviceDonePage,
  deviceEntryPage,
  deviceRefusedPage,
  errorPage,
  expiredPage,
  homePage,
  loggedOutPage,
  loginPage,
  logoutPage,
  stylesheet,
} from './index.ts'

const form = { action: '/go', xsrf: 'token-of-the-form' }
const resource = { name: 'Tools', url: 'http://localhost:3000/mcp' }
const plain: AppFacts = { name: 'Recipe box', clientId: 'recipes', trusted: false }
const claude: AppFacts = { ...plain, name: 'Claude', verifiedHost: 'claude.ai' }
const hostile = `\u202e\u200b<img src=x onerror="alert(1)">'${'W'.repeat(5000)}`
const appsAddress = 'http://localhost:4000/apps'
const shared = { form, scopes: ['Run tools for you'], resource, account: 'dev:ada', appsAddress, switchAccount: form }

const consent = (facts: Partial<ConsentFacts> = {}) =>
  consentPage({ ...shared, app: plain, returnsTo: { kind: 'web', host: 'recipes.example' }, ...facts })

const approval = (facts: Partial<DeviceApprovalFacts> = {}) =>
  deviceApprovalPage({
    ...shared,
    userCode: 'BDWP-HQTK',
    app: plain,
    requester: { address: '203.0.113.7', agent: 'curl/8.5.0 (x86_64-pc-linux-gnu)', askedAt: 0 },
    now: 125_000,
    ...facts,
  })

const byDevice: ConnectedAppsFacts['apps'][number] = {
  id: 'grant-1',
  app: plain,
  access: [{ resource, scopes: ['Run tools for you'] }],
  approvedAt: 0,
  usedAt: 86_400_000,
  device: { address: '203.0.113.7', agent: 'curl/8.5.0 (x86_64-pc-linux-gnu)' },
}
const byBrowser: typeof byDevice = {
  ...byDevice,
  id: 'grant-2',
  app: claude,
  device: undefined,
  returnsTo: { kind: 'web', host: 'claude.ai' },
}
const ofBefore: typeof byDevice = { ...byDevice, id: 'grant-3', access: [], device: undefined }

const connected = (facts: Partial<ConnectedAppsFacts> = {}) =>
  connectedAppsPage({
    apps: [byDevice, byBrowser, ofBefore],
    disconnect: form,
    accessTokenLifetime: 600,
    now: 2 * 86_400_000,
    account: 'dev:ada',
    switchAccount: form,
    ...facts,
  })

const login = (facts: Partial<Parameters<typeof loginPage>[0]> = {}) =>
  loginPage({ app: plain, device: false, providers: [], cancel: form, ...facts })

const everyPage: readonly (readonly [name: string, page: string])[] = [
  ['login', login({ developer: { form }, providers: [{ label: 'GitHub', href: '/login/github' }] })],
  [
    'login with problems',
    login({
      device: true,
      trouble: { problem: 'No.', advice: 'Yes.' },
      developer: { form, name: 'A b', problem: 'No.' },
    }),
  ],
  ['login without a way in', login()],
  ['consent', consent()],
  [
    'consent at a gateway',
    consent({ resource: { ...resource, upstreams: ['github', 'docs', hostile] }, addedUpstreams: [hostile] }),
  ],
  ['consent of a member', consent({ groups: ['finance', hostile] })],
  ['device approval of a member', approval({ groups: ['finance', hostile] })],
  ['consent to more', consent({ scopes: ['Run tools for you', 'Write'], added: ['Write'] })],
  ['consent for a program on this computer', consent({ app: claude, returnsTo: { kind: 'loopback' }, scopes: [] })],
  ['consent for an installed app', consent({ returnsTo: { kind: 'app', scheme: 'com.example.app' } })],
  ['device entry', deviceEntryPage({ form })],
  ['device entry with a code', deviceEntryPage({ form, userCode: 'BDWP-HQTK' })],
  ['device entry with a problem', deviceEntryPage({ form, userCode: 'nope', problem: 'wrong_code' })],
  ['too many tries', deviceEntryPage({ form, problem: 'too_many', retryAfterSeconds: 90 })],
  ['device approval', approval({ policyWarning: 'This is unusual.' })],
  ['device approval of a hostile app', approval({ app: { ...plain, name: hostile, clientId: hostile } })],
  ['device approval without facts', approval({ requester: { askedAt: 0 }, app: { ...plain, name: undefined } })],
  ['device done', deviceDonePage({ app: { name: hostile, trusted: false }, appsAddress })],
  ['connected apps', connected()],
  ['connected apps, none', connected({ apps: [] })],
  ['connected apps, one hostile', connected({ apps: [{ ...byDevice, app: { ...plain, name: hostile } }] })],
  ['connected apps, out of date', connected({ outcome: { kind: 'out_of_date' } })],
  ['connected apps, one less', connected({ outcome: { kind: 'ended', app: plain } })],
  ['sign-in for our own page', login({ app: undefined, developer: { form } })],
  ['device refused', deviceRefusedPage()],
  ['signing out', logoutPage({ form, account: 'dev:ada', appsAddress })],
  [
    'signing out for a hostile app',
    logoutPage({
      form,
      account: hostile,
      appsAddress,
      app: { ...plain, name: hostile },
      returnsTo: { kind: 'web', host: 'evil.example' },
    }),
  ],
  ['signed out', loggedOutPage()],
  [
    'signed out, with a way back',
    loggedOutPage({ back: { href: 'https://recipes.example/out', to: { kind: 'web', host: 'recipes.example' } } }),
  ],
  ['expired on a device', expiredPage({ device: true })],
  ['expired', expiredPage({ device: false })],
  ['error', errorPage({ status: 500, message: 'Try again.', requestId: 'req-1' })],
  ['error with details', errorPage({ status: 400, message: hostile, requestId: 'r', details: [['error', hostile]] })],
  ['home', homePage({ issuer: 'http://localhost:4000', resources: [resource], loginHint: '' })],
]

describe.each(everyPage)('the page "%s"', (_name, page) => {
  test('has a language, a title, one heading and one main part', () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(page).toMatch(/<title>[^<]+ · Gatehouse<\/title>/)
    expect(page.match(/<h1>/g)).toHaveLength(1)
    expect(page.match(/<main /g)).toHaveLength(1)
    for (const name of ['viewport', 'color-scheme', 'robots', 'referrer'])
      expect(page).toContain(`<meta name="${name}"`)
  })

  verifies('R7', 'has no script and no style of its own and loads nothing but the style sheet', () => {
    expect(page).not.toMatch(/<script|<style|<img|<iframe|\sstyle=/i)
    expect(page.replace(/"[^"]*"/g, '""')).not.toMatch(/<[^>]*\son\w+=/i)
    // a way on to another site loads nothing before it is taken
    const loads = page.replace(/<a class="[\w ]+" href="https:[^"]*"/g, '<a')
    const addresses = [...loads.matchAll(/\s(?:href|src|action)="([^"]*)"/g)].map(([, address]) => address)
    expect(addresses).toContain(stylesheet.path)
    expect(addresses.filter((address) => !/^\/(?!\/)/.test(address ?? ''))).toEqual([])
  })

  test('has a label for each field, an existing target for each reference, and no id twice', () => {
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const fields = [...page.matchAll(/<input (?!type="hidden")[^>]*\sid="([^"]*)"/g)].map(([, id]) => id)
    for (const id of fields) expect(page).toContain(`<label for="${id}">`)
    const described = [...page.matchAll(/aria-describedby="([^"]*)"/g)].flatMap(([, list]) => list?.split(' '))
    for (const id of described) expect(ids).toContain(id)
  })

  test('posts each form with its token', () => {
    const forms = page.match(/<form [\s\S]*?<\/form>/g) ?? []
    for (const markup of forms) {
      expect(markup).toContain('method="post" action="/go"')
      expect(markup).toContain('<input type="hidden" name="xsrf" value="token-of-the-form">')
    }
  })

  test('is never a dead end', () => {
    expect(page).toMatch(/<button |<a class="button/)
  })
})

verifies('D20', 'a hostile app name is shown stripped, cut and escaped', () => {
  for (const page of [
    consent({ app: { ...plain, name: hostile } }),
    approval({ app: { ...plain, name: hostile } }),
    login({ app: { ...plain, name: hostile } }),
    deviceDonePage({ app: { name: hostile, trusted: false }, appsAddress }),
    connected({ apps: [{ ...byDevice, app: { ...plain, name: hostile } }] }),
    connected({ apps: [], outcome: { kind: 'ended', app: { ...plain, name: hostile } } }),
  ]) {
    expect(page).not.toMatch(/[\u202e\u200b]|<img/)
    const shown = /<bdi>(&lt;img [^<]*)<\/bdi>/.exec(page)?.[1] ?? ''
    expect(shown).toMatch(/^&lt;img src=x onerror=&quot;alert\(1\)&quot;&gt;&#39;W+…$/)
    expect(shown.replace(/&\w+;|&#39;/g, '.').length).toBe(64)
  }
})

describe('connected apps', () => {
  const texts = (page: string) =>
    page
      .replace(/<svg.*?<\/svg>/gs, '')
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')

  verifies('D18', 'say what each may do, where, since when, from where, and how it is ended', () => {
    const page = texts(connected())
    expect(page).toContain('Recipe box Unverified app')
    expect(page).toContain('It may Run tools for you Server Tools http://localhost:3000/mcp')
    expect(page).toContain('Approved 2 days ago , for a device: curl on Linux, from 203.0.113.7')
    expect(page).toContain('Approved 2 days ago , in a browser, for claude.ai')
    expect(page).toContain('Last used 1 day ago')
    expect(page).toContain('Disconnect Recipe box')
    expect(page).toContain('What it was given last works for up to 10 minutes more.')
  })

  test('are ended one by one, or all at once where there are several', () => {
    expect([...connected().matchAll(/name="grant" value="([^"]*)"/g)].map(([, id]) => id)).toEqual(
      [byDevice, byBrowser, ofBefore].map(({ id }) => id),
    )
    expect(connected()).toContain('Disconnect all')
    expect(connected({ apps: [byDevice] })).not.toContain('Disconnect all')
    expect(connected({ apps: [] })).toContain('No app and no device')
  })

  test('announce what became of a form', () => {
    const ended = connected({ apps: [], outcome: { kind: 'ended', app: plain } })
    expect(ended).toContain('role="status"')
    expect(texts(ended)).toContain('Recipe box is disconnected. It has to ask you again.')
    expect(connected({ outcome: { kind: 'out_of_date' } })).toContain('role="alert"')
  })
})

test('the groups that tokens name are told, cleaned and escaped; of very many the first', () => {
  const many = Array.from({ length: 25 }, (_, index) => `group-${index}`)
  for (const page of [consent, approval]) {
    expect(page()).not.toContain('About you')
    expect(page({ groups: ['finance', hostile] })).toMatch(/you are in: <b><bdi>finance, &lt;img [^<]*…<\/bdi><\/b>/)
    expect(page({ groups: many })).toMatch(/group-18, group-19<\/bdi><\/b> and 5 more/)
    expect(page({ groups: many })).not.toContain('group-20')
  }
})

test('anyone who approves is told where that can be undone', () => {
  for (const page of [consent(), approval(), deviceDonePage({ appsAddress })])
    expect(page).toContain('You can disconnect it at any time at')
  for (const page of [consent(), approval(), deviceDonePage({ appsAddress })]) expect(page).toContain(appsAddress)
})

describe('an app', () => {
  test('shows who vouches for it, or that nobody does', () => {
    expect(consent()).toContain('Unverified app')
    expect(consent({ app: claude })).toContain('Verified: <span class="host">claude.ai</span>')
    expect(consent({ app: { ...plain, trusted: true } })).toContain('Added by an administrator')
    expect(approval({ app: { ...plain, name: undefined } })).toContain('An app without a name')
  })

  verifies('D20', 'is warned of by the name that is shown, without what was taken out of it', () => {
    for (const name of ['Git\u3164Hub', 'Git™Hub', `${'✔'.repeat(5_000)}GitHub`])
      expect(consent({ app: { ...plain, name } }), name).toContain('It chose that name itself')
  })

  verifies('D20', 'that calls itself by a well-known name is shown with a warning, unless its host may', () => {
    const warning = 'This app calls itself “<bdi>Claude</bdi>”.'
    expect(approval({ app: { ...plain, name: 'Claude' } })).toContain(warning)
    expect(approval({ app: claude })).not.toContain(warning)
    const foreign = consent({ app: { ...claude, verifiedHost: 'evil.example' } })
    expect(foreign).toContain(warning)
    expect(foreign).toContain('From <span class="host">evil.example</span>')
    expect(foreign).not.toContain('Verified:')
  })
})

describe('consent', () => {
  test('marks what the app does not have yet', () => {
    const page = consent({ scopes: ['Read', 'Write'], added: ['Write'] })
    expect(page).toMatch(/<span>Read<\/span>/)
    expect(page).toMatch(/<span>Write <b class="badge good">New<\/b><\/span>/)
    expect(consent()).not.toContain('>New<')
  })

  verifies('A16', 'shows the app, its host, the server, what it may do and where the browser returns', () => {
    const page = consent({ app: claude, returnsTo: { kind: 'web', host: 'claude.ai' } })
    for (const fact of ['Claude', 'claude.ai', 'Run tools for you', 'Tools', 'http://localhost:3000/mcp', 'dev:ada'])
      expect(page).toContain(fact)
    expect(page).toContain('You will return to <b class="host">claude.ai</b>')
    expect(page).not.toContain('Did you start this')
  })

  verifies(
    ['A16', 'C9'],
    'warns when the answer stays on this computer, even if a known host vouches for the app',
    () => {
      const page = consent({ app: claude, returnsTo: { kind: 'loopback' } })
      expect(page).toContain('You will return to <b>a program on this computer</b>')
      expect(page).toContain('Did you start this yourself just now?')
      expect(page).toContain('vouches for the app, but any program on this computer could be using its name')
    },
  )

  verifies('C10', 'shows a host in look-alike letters in punycode, wherever it stands', () => {
    const page = consent({
      app: { ...plain, verifiedHost: 'аррӏе.com' },
      returnsTo: { kind: 'web', host: 'сlaude.ai' },
    })
    expect(page).toContain('Verified: <span class="host">xn--80ak6aa92e.com</span>')
    expect(page).not.toMatch(/[а-яӏ]/)
  })

  test('has two answers of one form, refusing first', () => {
    const answers = [...consent().matchAll(/name="decision" value="(\w+)"/g)].map(([, value]) => value)
    expect(answers).toEqual(['refuse', 'approve'])
  })
})

describe('device approval', () => {
  verifies(
    ['D15', 'D18'],
    'shows the code, the app, who asked, when, for what and where, and asks who started it',
    () => {
      const page = approval()
      for (const fact of [
        'BDWP-HQTK',
        'B D W P - H Q T K',
        'Recipe box',
        'Unverified app',
        'Run tools for you',
        'dev:ada',
      ])
        expect(page).toContain(fact)
      expect(page).toContain('2 minutes ago</time>, from <b>203.0.113.7</b>, by curl on Linux')
      expect(page).toContain('http://localhost:3000/mcp')
      expect(page).toContain('Did you start this on your own device just now?')
      expect(page).toContain('If somebody sent you this link or code, do not continue.')
    },
  )

  test('says so when little is known of who asked', () => {
    expect(approval({ requester: { askedAt: 125_000 } })).toContain(
      'just now</time>, from an unknown address, by an unknown program',
    )
  })
})

describe('device entry', () => {
  verifies('D15', 'fills in the code from the link and leaves it to the person to continue', () => {
    const page = deviceEntryPage({ form, userCode: 'BDWP-HQTK' })
    expect(page).toContain('value="BDWP-HQTK"')
    expect(page).toContain('Continue only if your device shows this same code.')
    expect(page).not.toMatch(/autofocus|http-equiv/)
  })

  verifies('D21', 'keeps what was typed and ties the problem to the field, however long or odd it is', () => {
    const page = deviceEntryPage({ form, userCode: `"><b>${'x'.repeat(10_000)}`, problem: 'wrong_code' })
    expect(page).toContain('value="&quot;&gt;&lt;b&gt;xxx')
    expect(page).not.toContain('x'.repeat(65))
    expect(page).toContain('aria-describedby="code-problem code-hint" aria-invalid="true"')
    expect(page).toMatch(/id="code-problem" role="alert"/)
    expect(page).toContain('<title>Problem: ')
  })

  test('after too many tries has no form, and says when to come back', () => {
    const page = deviceEntryPage({ form, problem: 'too_many', retryAfterSeconds: 95 })
    expect(page).not.toContain('<form')
    expect(page).toContain('Wait 2 minutes, then try again.')
  })
})

describe('login', () => {
  test('offers each provider by name', () => {
    const page = login({ providers: [{ label: 'GitHub', href: '/login/github?a=1&b=2' }] })
    expect(page).toMatch(/href="\/login\/github\?a=1&amp;b=2">.*<span>Continue with GitHub<\/span>/)
  })

  test('with the development login says loudly that it lets everybody in', () => {
    const page = login({ developer: { form } })
    expect(page).toContain('Development login: it lets everybody in.')
    expect(page).toContain('must never be public')
    expect(page).toContain('name="name" type="text" value="ada"')
  })

  test('keeps the name that was refused and ties the problem to its field', () => {
    const page = login({ developer: { form, name: 'Ada "B"', problem: 'Letters only.' } })
    expect(page).toContain('value="Ada &quot;B&quot;"')
    expect(page).toContain('aria-invalid="true" aria-describedby="name-problem"')
  })

  test('warns somebody who was sent the link to a device', () => {
    expect(login({ device: true })).toContain('If somebody sent you the link or the code, cancel.')
  })
})

describe('an error', () => {
  test('has the request id, and what is for developers folded away', () => {
    const page = errorPage({ status: 400, message: 'No.', requestId: 'req-7', details: [['error', 'invalid_request']] })
    expect(page).toContain('<code>req-7</code>')
    expect(page).toMatch(/<details>[\s\S]*invalid_request[\s\S]*<\/details>/)
  })

  test.each([
    [404, 'There is nothing here'],
    [429, 'Too many tries'],
    [503, 'Not available right now'],
    [500, 'Something went wrong here'],
    [400, 'That did not work'],
  ])('with status %d and no title is headed "%s"', (status, heading) => {
    expect(errorPage({ status, message: 'No.', requestId: 'r' })).toContain(`<h1>${heading}</h1>`)
  })
})

test('who consents is told which servers stand behind the one that the app wants to reach', () => {
  const behind = { ...resource, name: 'Company tools', upstreams: ['github', 'docs', 'ledger'] }
  for (const page of [consent({ resource: behind }), approval({ resource: behind })]) {
    expect(page).toContain('<b><bdi>Company tools</bdi></b>: <bdi>github, docs, ledger</bdi>')
  }
  expect(consent()).toContain('<b><bdi>Tools</bdi></b>\n')
})
