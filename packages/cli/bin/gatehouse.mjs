#!/usr/bin/env node
// The `gatehouse` command as npm installs it, on Node 20 or newer: makes sure of Node 24, then runs the command itself.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants, homedir } from 'node:os'
import { dirname, join } from 'node:path'

const NODE_MAJOR = 24
const main = new URL('../lib/main.js', import.meta.url)

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) await import(main.href)
else {
  const node = await findNode()
  const { code } = await run(node, [main.pathname, ...process.argv.slice(2)], { stdio: 'inherit' })
  process.exit(code)
}

/** The Node binary that npm's `node-<platform>-<arch>` carries. Its place is remembered: asking npm takes a second. */
async function findNode() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const remembered = join(cache, 'gatehouse', `node-${NODE_MAJOR}`)
  if (existsSync(remembered)) {
    const path = readFileSync(remembered, 'utf8')
    if (existsSync(path)) return path
  }
  say(
    `Node ${process.versions.node} is older than ${NODE_MAJOR}; fetching Node ${NODE_MAJOR} from npm (kept in npm's cache)`,
  )
  const windows = process.platform === 'win32'
  const name = `node-${windows ? 'win' : process.platform}-${process.arch}`
  const rest = ['exec', '--yes', `--package=${name}@${NODE_MAJOR}`, '--', 'node', '--print', 'process.execPath']
  const { code, output } = await run(windows ? 'npm.cmd' : 'npm', rest, {
    shell: windows,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (code !== 0) {
    say(`Node ${NODE_MAJOR} could not be fetched. Install it yourself, from https://nodejs.org, and try again.`)
    process.exit(1)
  }
  const path = output.trim()
  mkdirSync(dirname(remembered), { recursive: true })
  writeFileSync(remembered, path)
  return path
}

/** A child that gets our signals. `code` is what a shell would report: 128 + n for a signal. */
function run(command, args, options) {
  return new Promise((resolve) => {
    const env = { ...process.env, GATEHOUSE_PARENT: String(process.pid) }
    const child = spawn(command, args, { ...options, env })
    let output = ''
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
    child.on('error', (error) => {
      say(`${command} could not be run: ${error.message}`)
      resolve({ code: 127, output })
    })
    child.on('close', (code, signal) => resolve({ code: code ?? 128 + constants.signals[signal], output }))
  })
}

function say(text) {
  process.stderr.write(`gatehouse: ${text}\n`)
}
