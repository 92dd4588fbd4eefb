import { spawn } from 'node:child_process'
import { safeUrl } from '@gatehouse/network'

export type OpenUrl = (url: string) => void

const openers: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/**
 * Asks the desktop to open an address. No shell sees it: it is one argument of a program that is named here
 * (CVE-2025-6514). Where there is no desktop nothing happens; the address has been printed anyway.
 */
export function openUrl(url: string): void {
  const [program, ...first] = openers[process.platform] ?? ['xdg-open']
  const child = spawn(program, [...first, safeUrl(url, 'authorization_endpoint').href], {
    stdio: 'ignore',
    detached: true,
  })
  child.on('error', () => {})
  child.unref()
}
