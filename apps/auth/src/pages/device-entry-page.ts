import { paths } from '../paths.ts'
import type { FormFacts } from './facts.ts'
import { html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'
import { token } from './request.ts'
import { cleanText } from './text.ts'
import { timeToWait } from './time-ago.ts'

export interface DeviceEntryFacts {
  readonly form: FormFacts
  /** From the link, or as it was typed. */
  readonly userCode?: string | undefined
  readonly problem?: 'wrong_code' | 'missing_code' | 'session_lost' | 'try_again' | 'too_many' | undefined
  readonly retryAfterSeconds?: number | undefined
}

const problems = {
  wrong_code:
    'This code is wrong or too old. Compare it with your device. If it is the same, ask your device for a new one.',
  missing_code: 'There was no code. Type it here.',
  session_lost: 'This page was open for too long. Press Continue once more.',
  try_again: 'That did not work, and it was not your fault. Press Continue once more.',
} as const

/** Asks for the code, as `user_code`. A code from the link is filled in; the person still has to press Continue. */
export function deviceEntryPage({ form, userCode, problem, retryAfterSeconds }: DeviceEntryFacts): string {
  if (problem === 'too_many') return tooManyPage(retryAfterSeconds)
  const fromLink = Boolean(userCode) && !problem
  const value = cleanText(userCode ?? '')
  return layout({
    heading: 'Connect a device',
    problem: problem !== undefined,
    body: html`
<p>${fromLink ? 'Continue only if your device shows this same code.' : 'Type the code that your device shows.'}</p>
<form method="post" action="${form.action}" class="entry">
${token(form)}
<label for="user_code">Code on your device</label>
${problem && html`<p class="field-problem" id="code-problem" role="alert">${icons.attention}<span>${problems[problem]}</span></p>`}
<input class="code-field" id="user_code" name="user_code" type="text" value="${value}" required maxlength="64" autocomplete="one-time-code" inputmode="text" autocapitalize="characters" autocorrect="off" spellcheck="false" aria-describedby="${problem && 'code-problem '}code-hint"${problem && html` aria-invalid="true"`}${!fromLink && html` autofocus`}>
<p class="hint" id="code-hint">Like BDWP-HQTK. Small letters will do, and so will no dash.</p>
<button type="submit" class="button primary">Continue</button>
</form>
<p class="muted">Did somebody send you a code or this link? Then stop here: it would let them use your account.</p>`,
  })
}

function tooManyPage(retryAfterSeconds = 60): string {
  return layout({
    heading: 'Too many tries',
    icon: icons.clock,
    problem: true,
    body: html`
<p role="alert">Wait ${timeToWait(retryAfterSeconds)}, then try again. If your device shows another code by then, use that one.</p>
<a class="button" href="${paths.device}">Try again</a>`,
  })
}
