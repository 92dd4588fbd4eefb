import { createHash } from 'node:crypto'
import { dark, light } from './palette.ts'

const variables = (palette: object): string =>
  Object.entries(palette)
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(' ')

// Sizes are in rem, so that the reader's own setting counts; widths give way and long words break, so that nothing
// scrolls sideways at 320 pixels or at 200 % zoom. Borders stay when a forced palette takes the backgrounds away.
const css = `:root {
  color-scheme: light dark;
  ${variables(light)}
  --shadow: 0 1px 2px rgb(27 31 29 / 5%), 0 16px 40px -16px rgb(27 31 29 / 16%);
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    ${variables(dark)}
    --shadow: none;
  }
}

*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  display: flex;
  min-height: 100vh;
  min-height: 100svh;
  margin: 0;
  padding: clamp(.75rem, 4vw, 1.5rem);
  background: var(--ground);
  color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, p, dl, dd, ul { margin: 0; }
ul { padding: 0; list-style: none; }
b, strong { font-weight: 600; }
code, .host { display: inline-block; max-width: 100%; }
code { font-family: var(--mono); font-size: .9375em; }
a { color: var(--accent); text-underline-offset: .2em; }
.icon { flex: none; width: 1.25rem; height: 1.25rem; }
.muted, .hint, .label { color: var(--muted); font-size: .875rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: .25rem; }

/* The card: everything in it is one column, spaced by the gap alone. */
.card {
  display: flex;
  flex-direction: column;
  gap: 1.25rem;
  width: 100%;
  max-width: 26rem;
  margin: auto;
  padding: clamp(1.25rem, 6vw, 1.75rem) clamp(1.25rem, 6vw, 2rem);
  background: var(--card);
  border: 1px solid var(--line);
  border-radius: 1.125rem;
  box-shadow: var(--shadow);
}
.brand { display: flex; align-items: center; gap: .5rem; color: var(--accent); font-size: .9375rem; font-weight: 600; }
.brand .icon { width: 1.5rem; height: 1.5rem; }
h1 { font-size: 1.5rem; line-height: 1.25; font-weight: 650; letter-spacing: -.012em; text-wrap: balance; }
h1 + p { margin-top: -.75rem; }
.outcome { display: grid; place-content: center; width: 3rem; height: 3rem; margin-bottom: -.5rem; border-radius: 50%; }
.outcome .icon { width: 1.75rem; height: 1.75rem; }
.outcome.good { background: var(--accent-ground); color: var(--accent); }
.outcome.calm { background: var(--panel); color: var(--muted); }
.outcome.bad { background: var(--problem-ground); color: var(--problem); }

/* Controls */
.button {
  display: flex;
  align-items: center;
  justify-content: center;
  gap: .625rem;
  width: 100%;
  min-height: 2.875rem;
  padding: .5rem 1rem;
  border: 1px solid var(--edge);
  border-radius: .625rem;
  background: transparent;
  color: var(--text);
  font: inherit;
  font-weight: 600;
  text-align: center;
  text-decoration: none;
  text-wrap: balance;
  cursor: pointer;
}
.button:hover { background: var(--panel); border-color: var(--text); }
.button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.button.primary:hover { background: var(--accent-strong); border-color: var(--accent-strong); }
.button:focus-visible { border-radius: .625rem; }
.quiet {
  min-height: 2.75rem;
  padding: 0;
  border: 0;
  background: none;
  color: var(--accent);
  font: inherit;
  font-size: .875rem;
  text-align: start;
  text-decoration: underline;
  text-underline-offset: .2em;
  cursor: pointer;
}
.quiet:hover, a:not(.button):hover { color: var(--accent-strong); }
.choices, .entry { display: flex; flex-direction: column; gap: .75rem; }
/* several ways to sign in are a list: their icons in one column */
.choices:has(> :nth-child(2)) .button { justify-content: flex-start; padding-inline: 1.25rem; text-align: start; }
.entry { gap: .5rem; }
.entry .button { margin-top: .75rem; }
label { font-weight: 600; }
input {
  width: 100%;
  min-height: 3rem;
  padding: .5rem .875rem;
  border: 1px solid var(--edge);
  border-radius: .625rem;
  background: var(--card);
  color: var(--text);
  font: inherit;
}
input:focus-visible { outline-offset: 0; border-color: var(--accent); border-radius: .625rem; }
input[aria-invalid] { border: 2px solid var(--problem); }
.code-field {
  min-height: 4rem;
  font: 600 1.625rem/1.2 var(--mono);
  letter-spacing: .1em;
  text-align: center;
  text-transform: uppercase;
}
.field-problem { display: flex; gap: .5rem; color: var(--problem); font-size: .9375rem; font-weight: 500; }
.field-problem .icon { margin-top: .0625rem; }
.or { display: flex; align-items: center; gap: 1rem; color: var(--muted); font-size: .875rem; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }

/* A request: the code, the facts, what to think about, the answer */
h1 + .app { margin-top: -.625rem; }
.compare { padding: .75rem .5rem .5rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--panel); text-align: center; }
.code {
  font: 600 clamp(1.5rem, 9vw, 2.25rem)/1.3 var(--mono);
  letter-spacing: .08em;
  margin-right: -.08em;
}
.facts { border-bottom: 1px solid var(--line); }
.facts > div { display: grid; grid-template-columns: 5.5rem 1fr; gap: .125rem 1rem; padding-block: .6875rem; border-top: 1px solid var(--line); }
.facts dt { color: var(--muted); font-size: .875rem; line-height: 1.5rem; }
.name { display: block; font-size: 1.0625rem; }
.badge {
  display: inline-flex;
  align-items: center;
  gap: .375rem;
  margin-top: .375rem;
  padding: .1875rem .625rem .1875rem .5rem;
  border: 1px solid transparent;
  border-radius: 1rem;
  font-size: .8125rem;
  font-weight: 600;
}
.badge .icon { width: 1rem; height: 1rem; }
.badge.good { background: var(--accent-ground); color: var(--accent); }
.badge.caution { background: var(--caution-ground); border-color: var(--caution-line); color: var(--caution); }
.permissions, .servers { display: grid; gap: .375rem; }
.permissions li { display: flex; gap: .5rem; }
.permissions .icon { margin-top: .125rem; color: var(--accent); }
.permissions .badge { margin: 0 0 0 .125rem; padding-block: 0; vertical-align: text-bottom; }
.address { display: block; color: var(--muted); font-size: .875rem; }
.notice { display: flex; gap: .75rem; padding: .75rem 1rem; border: 1px solid; border-radius: .75rem; font-size: .9375rem; }
.notice .icon { margin-top: .0625rem; }
.notice .title { font-weight: 600; }
.notice p { text-wrap: pretty; }
.notice.caution { background: var(--caution-ground); border-color: var(--caution-line); color: var(--caution); }
.notice.good { background: var(--accent-ground); border-color: var(--accent-ground); color: var(--accent); }
.notice.problem { background: var(--problem-ground); border-color: var(--problem-line); color: var(--problem); }
.decision { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(7rem, 100%), 1fr)); gap: .75rem; }
.account { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0 .75rem; margin-block: -.375rem -.625rem; color: var(--muted); font-size: .875rem; }
.account b { color: var(--text); }
.foot { margin-block: -.75rem -.625rem; }

/* Connected apps: the facts of a request once more, closer together, for there may be many */
.connections { display: grid; gap: .75rem; }
.connections > li { display: grid; gap: .75rem; padding: 1rem; border: 1px solid var(--line); border-radius: .875rem; }
.connections h2 { font: inherit; }
.connections .facts { display: grid; gap: .375rem; border: 0; font-size: .9375rem; }
.connections .facts > div { grid-template-columns: 4.75rem 1fr; padding: 0; border: 0; }
.connections .permissions { gap: .125rem; }

/* Folded away */
summary { display: list-item; min-height: 2.75rem; padding-block: .625rem; color: var(--muted); font-size: .875rem; cursor: pointer; }
details { margin-block: -.75rem -.5rem; }
.details { padding: .875rem 1rem; border-radius: .75rem; background: var(--panel); font-size: .875rem; }
.details dt { color: var(--muted); }
.details dd { font-family: var(--mono); font-size: .8125rem; }
.details dd + dt { margin-top: .625rem; }
.details a { display: inline-block; padding-block: .8125rem; }

@media (max-width: 24rem) {
  .facts > div, .connections .facts > div { grid-template-columns: 1fr; }
}
@media (max-width: 14rem) {
  body { padding: 0; }
  .card { padding: 1rem .75rem; border: 0; border-radius: 0; }
  .notice { flex-direction: column; gap: .25rem; padding: .75rem; }
  .button { padding-inline: .25rem; }
  .button .icon { display: none; }
  .code-field { padding-inline: 0; font-size: 1.125rem; letter-spacing: 0; }
}
@media (prefers-reduced-motion: no-preference) {
  .button { transition: background-color .15s, border-color .15s; }
}
@media (forced-colors: active) {
  .button.primary { border-width: 3px; }
  .outcome { border: 1px solid; }
  .permissions .icon { color: CanvasText; }
}
`

/** The one style sheet. Its path names its content, so it may be cached for ever. */
export const stylesheet: { readonly path: string; readonly css: string } = {
  path: `/assets/gatehouse-${createHash('sha256').update(css).digest('hex').slice(0, 12)}.css`,
  css,
}
