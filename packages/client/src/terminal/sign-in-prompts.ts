import { cleanLine } from '@gatehouse/network'
import type { Clock } from '../clock.ts'
import type { SignInPrompts } from '../flows/prompts.ts'
import { wrap } from './layout.ts'
import { signInCard } from './sign-in-card.ts'
import type { Terminal } from './terminal.ts'

export interface SignInPromptsOptions {
  readonly server: string
  readonly qr: boolean
  readonly clock: Clock
}

const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'
const frameMilliseconds = 100

/** The prompts of a sign-in on a terminal: a card, then one line that turns until it is over. */
export function createSignInPrompts(terminal: Terminal, { server, qr, clock }: SignInPromptsOptions): SignInPrompts {
  let spinner: NodeJS.Timeout | undefined

  function wait(text: string, expiresAt: number): void {
    const left = () => timeLeft(expiresAt - clock.now())
    if (!terminal.interactive) {
      terminal.note(`${text}, ${left()}.`)
      return
    }
    let frame = 0
    const draw = () => {
      terminal.status(`${frames[frame % frames.length]} ${text} · ${left()} · Ctrl-C to stop`)
      frame += 1
    }
    draw()
    spinner = setInterval(draw, frameMilliseconds)
  }

  return {
    device(prompt) {
      terminal.lines(signInCard(terminal, { server, prompt, qr }))
      wait('Waiting for you to approve', prompt.expiresAt)
    },
    browser({ url, expiresAt }) {
      const heading = wrap(`Sign in to ${terminal.style('bold', server)}`, terminal.columns)
      const advice = wrap('A browser opens. If it does not, open this address:', terminal.columns)
      terminal.lines([...heading, '', ...advice, '', url, '']) // the address whole, to be copied
      wait('Waiting for the browser', expiresAt)
    },
    moreAccess(scope) {
      terminal.warning(`This needs more access than you gave: ${cleanLine(scope)}. Sign in again to approve it.`)
    },
    trouble(reason, retryIn) {
      terminal.warning(`${reason} Trying again in ${Math.round(retryIn)} s.`)
    },
    settled() {
      clearInterval(spinner)
      terminal.clearStatus()
    },
  }
}

/** `9 min left`, `40 s left`. */
export function timeLeft(seconds: number): string {
  if (seconds >= 90) return `${Math.round(seconds / 60)} min left`
  return `${Math.max(0, Math.ceil(seconds))} s left`
}
