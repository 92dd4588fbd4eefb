// The other server's part of a sign-in: how our services are told of the fakes, and what a person does on their pages.
import type { FakeGitHub, FakeOpenIdProvider } from '@gatehouse/testing'
import type { Person } from '../harness/browser.ts'

export function gitHubSettings({ clientId, clientSecret, url, apiUrl }: FakeGitHub): Record<string, string> {
  return {
    AUTH_DEV_LOGIN: 'false',
    GITHUB_CLIENT_ID: clientId,
    GITHUB_CLIENT_SECRET: clientSecret,
    GITHUB_URL: url,
    GITHUB_API_URL: apiUrl,
  }
}

/** `name` is that of the variables: `GOOGLE`, or `OIDC` for any other provider. */
export function openIdSettings(name: 'GOOGLE' | 'OIDC', provider: OpenIdClient): Record<string, string> {
  return {
    [`${name}_ISSUER`]: provider.issuer,
    [`${name}_CLIENT_ID`]: provider.clientId,
    [`${name}_CLIENT_SECRET`]: provider.clientSecret,
  }
}
type OpenIdClient = Pick<FakeOpenIdProvider, 'issuer' | 'clientId' | 'clientSecret'>

/** Presses "Continue with …" on our page. */
export async function continueWith({ page }: Person, label: string): Promise<void> {
  await page.getByRole('link', { name: `Continue with ${label}` }).click()
  await page.waitForLoadState()
}

/** Presses a button of the other server's page, and waits for where that leads. */
export async function press({ page }: Person, button: string): Promise<void> {
  await page.getByRole('button', { name: button, exact: true }).click()
  await page.waitForLoadState()
}
