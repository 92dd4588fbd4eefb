// A real Chromium behind verbs: what a person does on our pages, not how the pages are built. Web security is on and
// nothing is relaxed, so that Content-Security-Policy, cookies and Fetch Metadata are the real ones.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repository } from '@gatehouse/testing'
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { inject } from 'vitest'

const actWithin = 10_000
const screenshots = join(repository, 'test-output', 'screenshots')

export interface Person extends AsyncDisposable {
  /** The page itself, for what no verb says. */
  readonly page: Page
  readonly context: BrowserContext
  readonly open: (url: string) => Promise<void>
  readonly heading: () => Promise<string>
  /** Types a code into the form at /device; leaves the one that is filled in without a code. Continues. */
  readonly enterCode: (code?: string) => Promise<void>
  readonly logInAs: (name: string) => Promise<void>
  readonly approve: () => Promise<void>
  readonly refuse: () => Promise<void>
  readonly switchAccount: () => Promise<void>
  readonly cancel: () => Promise<void>
  /** The text of what the page announces as wrong. */
  readonly seeProblem: () => Promise<string>
  /** Saves the page as light, dark and on a small phone, into test-output/screenshots. */
  readonly photograph: (name: string) => Promise<void>
}

export interface PersonBrowser extends AsyncDisposable {
  /** Somebody with a browser of their own: no cookie is shared. */
  readonly person: (options?: BrowserContextOptions) => Promise<Person>
}

export async function openBrowser(): Promise<PersonBrowser> {
  const { executablePath, fonts } = inject('browser')
  const temporary = mkdtempSync(join(tmpdir(), 'gatehouse-browser-'))
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none'],
    env: {
      PATH: process.env.PATH ?? '',
      HOME: temporary,
      TMPDIR: temporary,
      ...(fonts && { FONTCONFIG_PATH: fonts }),
      ...(process.env.LD_LIBRARY_PATH && { LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH }),
    },
  })
  return {
    person: async (options = {}) => {
      const context = await browser.newContext({ viewport: { width: 1024, height: 800 }, ...options })
      context.setDefaultTimeout(actWithin)
      return personAt(context, await context.newPage())
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close()
      rmSync(temporary, { recursive: true, force: true })
    },
  }
}

/** The verbs for one page; a second tab is another page of the same context. */
export function personAt(context: BrowserContext, page: Page): Person {
  const press = async (name: string | RegExp) => {
    await page.getByRole('button', { name }).click()
    await page.waitForLoadState()
    // the page between a decision and the app leads on by itself
    await page.getByRole('heading', { name: 'One moment' }).waitFor({ state: 'detached' })
    await page.waitForLoadState()
  }
  return {
    page,
    context,
    open: async (url) => {
      await page.goto(url)
    },
    heading: () => page.getByRole('heading', { level: 1 }).innerText(),
    enterCode: async (code) => {
      if (code !== undefined) await page.getByLabel('Code on your device').fill(code)
      await press('Continue')
    },
    logInAs: async (name) => {
      await page.getByLabel('What to call you').fill(name)
      await press('Sign in')
    },
    approve: () => press('Approve'),
    refuse: () => press('Refuse'),
    switchAccount: () => press(/another account/i),
    cancel: () => press('Cancel'),
    seeProblem: () => page.getByRole('alert').first().innerText(),
    photograph: (name) => photograph(page, name),
    [Symbol.asyncDispose]: () => context.close(),
  }
}

async function photograph(page: Page, name: string): Promise<void> {
  mkdirSync(screenshots, { recursive: true })
  const before = page.viewportSize()
  const shoot = (look: string) =>
    page.screenshot({ path: join(screenshots, `${name}.${look}.png`), fullPage: true, animations: 'disabled' })
  await page.emulateMedia({ colorScheme: 'light' })
  await shoot('light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await shoot('dark')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 320, height: 640 })
  await shoot('phone')
  if (before) await page.setViewportSize(before)
}
