// An agent on a computer of its own: a home folder, a person whose browser it opens, and no way out of this machine.
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { createPerson, type RunningProcess, startProcess } from '@gatehouse/testing'
import { expect } from 'vitest'
import { secretsInLogs } from '../harness/secrets.ts'
import { atTerminal } from '../harness/terminal.ts'
import type { AgentSite } from './site.ts'

const within = 90_000
const ends = /("expires_?at":\s*)\d+/i

export interface Agent extends AsyncDisposable {
  readonly home: string
  /** Where its person's browser was sent, each approved. */
  readonly signIns: readonly URLSearchParams[]
  /** Starts one of its commands. */
  readonly start: (command: string, ...args: readonly string[]) => RunningProcess
  readonly startAtTerminal: (command: string, ...args: readonly string[]) => RunningProcess
  /** Runs one to its end, which has to be a good one; what it printed. */
  readonly run: (command: string, ...args: readonly string[]) => Promise<string>
  readonly runAtTerminal: (command: string, ...args: readonly string[]) => Promise<string>
  /** Changes the end of its token in the file where it keeps that, so that by its own clock it has to refresh. */
  readonly expire: (file: string) => void
  /** How many refreshes it got new tokens from. Throws if one was refused. */
  readonly refreshes: () => number
}

export async function openAgent(
  site: AgentSite,
  name: string,
  settings: Readonly<Record<string, string>>,
): Promise<Agent> {
  const { transcript } = site
  const home = site.folder(name)
  const signIns: URLSearchParams[] = []
  const browser = createServer(async (request, response) => {
    const address = new URL(request.url ?? '', 'http://browser').searchParams.get('url') ?? ''
    response.end()
    transcript.add(`  the browser opens ${address}`)
    const said = await approve(site, address).catch((error: Error) => error.message)
    transcript.add(`  ${said}`)
    signIns.push(new URL(address).searchParams)
  })
  browser.listen(0, '127.0.0.1')
  await once(browser, 'listening')
  putBrowser(home, (browser.address() as AddressInfo).port)
  const env = {
    HOME: home,
    PATH: [home, dirname(process.execPath), '/usr/local/bin:/usr/bin:/bin'].join(':'),
    BROWSER: join(home, 'xdg-open'),
    TERM: 'xterm',
    // what is not on this machine is not there
    HTTP_PROXY: 'http://127.0.0.1:9',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: 'localhost,127.0.0.1',
    ...settings,
  }
  const before = site.exchanges.length
  const running: RunningProcess[] = []
  const launch = (command: readonly string[], around: typeof atTerminal) => {
    transcript.add(`\n$ ${command.join(' ')}`)
    const [name = '', ...rest] = command
    const [program, ...args] = around([join(site.programs, name), ...rest])
    const started = startProcess(args, { command: program, env, cwd: home, input: '' })
    running.push(started)
    return started
  }
  const start: Agent['start'] = (...command) => launch(command, directly)
  const startAtTerminal: Agent['start'] = (...command) => launch(command, atTerminal)
  const finish = async (program: RunningProcess) => {
    await using _ = program
    const late = setTimeout(() => program.signal('SIGTERM'), within)
    const { code } = await program.exited
    clearTimeout(late)
    const output = plain(program.output())
    transcript.add(output)
    expect(code, output).toBe(0)
    return output
  }

  return {
    home,
    signIns,
    start,
    startAtTerminal,
    run: (...command) => finish(start(...command)),
    runAtTerminal: (...command) => finish(startAtTerminal(...command)),
    expire: (file) => {
      const path = join(home, file)
      const kept = readFileSync(path, 'utf8')
      expect(kept).toMatch(ends)
      writeFileSync(path, kept.replace(ends, '$11'))
    },
    refreshes: () => {
      const asked = site.exchanges
        .slice(before)
        .filter(({ path, sent }) => path === '/token' && sent.body.includes('grant_type=refresh_token'))
      expect(asked.filter(({ status }) => status !== 200).map(({ body }) => body)).toEqual([])
      return asked.length
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(running.map((each) => each.end()))
      browser.closeAllConnections()
      await new Promise((resolve) => browser.close(resolve))
      transcript.keep(name)
      // there are none where nobody was signed in: the test says why
      const others = transcript.secrets()
      if (others.length > 0) expect(secretsInLogs(site.logs(), { others })).toEqual([])
    },
  }
}

const directly: typeof atTerminal = (command) => command as readonly [string, ...string[]]

/** Without colours and empty lines; what was drawn over is still there, once. */
function plain(output: string): string {
  const lines = stripVTControlCharacters(output).split(/[\r\n]+/)
  return lines.filter((line, index) => line.trim() !== '' && line !== lines[index - 1]).join('\n')
}

async function approve(site: AgentSite, address: string): Promise<string> {
  const person = createPerson(site)
  await person.open(address)
  await person.logIn()
  const { leftTo, text } = await person.approve()
  if (!leftTo) return text
  return `approved: back at ${leftTo.origin}${leftTo.pathname}: ${(await fetch(leftTo)).status}`
}

/** A program that agents take for a browser. */
function putBrowser(home: string, port: number): void {
  const file = join(home, 'xdg-open')
  const url = `'http://127.0.0.1:${port}/?url=' + encodeURIComponent(process.argv.at(-1))`
  writeFileSync(file, `#!${process.execPath}\nrequire('node:http').get(${url}, (answer) => answer.resume())\n`)
  chmodSync(file, 0o755)
}
