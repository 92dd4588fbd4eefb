// What a person sees while signing in by device code: address, code, QR code. Pure: data to lines.
import { renderUnicodeCompact } from 'uqr'
import type { DevicePrompt } from '../flows/prompts.ts'
import { pad, widthOf, wrap } from './layout.ts'
import type { Terminal } from './terminal.ts'

export interface SignInCardOptions {
  /** The MCP server that is signed in to. */
  readonly server: string
  readonly prompt: DevicePrompt
  /** Whether a QR code is wanted; it is drawn only on a terminal, and only where it fits. */
  readonly qr: boolean
}

const indent = 2
const gap = 4
const labelWidth = 7

/** The lines of the card. Only an address that is wider than the terminal makes a wider line: it has to stay whole. */
export function signInCard(terminal: Terminal, { server, prompt, qr }: SignInCardOptions): string[] {
  const { columns, style, interactive } = terminal
  const { uri, uriWithCode, code } = prompt
  const fits = (address: string) => !interactive || indent + labelWidth + widthOf(address) <= columns
  const address = uriWithCode !== undefined && fits(uriWithCode) ? uriWithCode : uri
  const label = (text: string) => style('dim', pad(text, labelWidth))
  const advice = address === uriWithCode ? 'The page must show the same code.' : 'Enter the code on the page.'
  const text = [
    ...(fits(address)
      ? [`${label('Open')}${style('underline', address)}`]
      : [style('dim', 'Open'), style('underline', address)]),
    `${label('Code')}${style('bold', code)}`,
    '',
    ...wrap(`On any device. ${advice}`, columns - indent),
  ]
  // White on black whatever the theme: scanners need dark modules on a light ground.
  const picture = (qr && interactive ? renderUnicodeCompact(uriWithCode ?? uri, { border: 2 }).split('\n') : []).map(
    (row) => style(['whiteBright', 'bgBlack'], row),
  )
  const body = arrange(text, picture, columns - indent).map((line) => (line ? ' '.repeat(indent) + line : line))
  return [...wrap(`Sign in to ${style('bold', server)}`, columns), '', ...body, '']
}

/** Beside each other if there is room, else below each other, else without the picture. */
function arrange(text: readonly string[], picture: readonly string[], room: number): string[] {
  const left = Math.max(...text.map(widthOf))
  const right = Math.max(0, ...picture.map(widthOf))
  if (right === 0 || right > room) return [...text]
  if (left + gap + right > room) return [...text, '', ...picture]
  const rows = Math.max(text.length, picture.length)
  return Array.from({ length: rows }, (_, row) => {
    const [line = '', beside] = [text[row], picture[row]]
    return beside === undefined ? line : pad(line, left + gap) + beside
  })
}
