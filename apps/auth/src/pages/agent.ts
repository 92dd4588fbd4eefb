import { cleanText } from './text.ts'

/** In this order: most browsers also call themselves what an older one was called. */
const programs: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bgatehouse(?:-client)?\//i, 'the Gatehouse client'],
  [/\bclaude-code\//i, 'Claude Code'],
  [/\bClaude\//, 'Claude'],
  [/\bCursor\//, 'Cursor'],
  [/\bCode\/\d|\bvscode\b|Visual Studio Code/i, 'Visual Studio Code'],
  [/\bcurl\//i, 'curl'],
  [/\bWget\//i, 'Wget'],
  [/\bHTTPie\//i, 'HTTPie'],
  [/\bPostmanRuntime\//i, 'Postman'],
  [/\binsomnia\//i, 'Insomnia'],
  [/\bPowerShell\//i, 'PowerShell'],
  [/\bpython|\baiohttp\//i, 'a Python program'],
  [/\bGo-http-client\//i, 'a Go program'],
  [/\bDeno\//i, 'a Deno program'],
  [/\bBun\//i, 'a Bun program'],
  [/^node(?:$|[\s/])|\bundici\b|\baxios\/|\bnode-fetch\b|^openid-client\//i, 'a Node program'],
  [/\bokhttp\/|^Java\/|\bJava-http-client\//i, 'a Java program'],
  [/\breqwest\/|^hyper\//i, 'a Rust program'],
  [/^Ruby\b|\bFaraday\b/i, 'a Ruby program'],
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\/|\bOpera\b/, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\bChrome\/|\bCriOS\/|\bChromium\//, 'Chrome'],
  [/\bVersion\/.*\bSafari\//, 'Safari'],
]

const systems: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\biPhone\b/, 'an iPhone'],
  [/\biPad\b/, 'an iPad'],
  [/\bAndroid\b/i, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b|\bwin32\b/i, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b|\bmacOS\b|\bdarwin\b/i, 'macOS'],
  [/\bLinux\b|\bUbuntu\b/i, 'Linux'],
]

/**
 * A User-Agent header in plain words, at most 64 characters: "curl on Linux", "Chrome on macOS", "an unknown program".
 * What it says is the sender's claim and proves nothing.
 */
export function describeAgent(agent: string | undefined): string {
  const text = cleanText(agent ?? '', 512)
  const system = nameIn(systems, text)
  const program = nameIn(programs, text) ?? unknownProgram(text)
  return cleanText(system ? `${program} on ${system}` : program)
}

function nameIn(table: typeof programs, text: string): string | undefined {
  return table.find(([pattern]) => pattern.test(text))?.[1]
}

/** The first product of the header (RFC 9110 §10.1.5), in quotes: it is whatever the sender likes to be called. */
function unknownProgram(text: string): string {
  const product = /^[\w.+~-]+/.exec(text)?.[0]
  return !product || product === 'Mozilla' ? 'an unknown program' : `an unknown program, “${cleanText(product, 24)}”`
}
