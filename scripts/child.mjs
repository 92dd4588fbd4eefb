// A child process that does not outlive this one: it gets our signals, and it is ended when our own parent goes away
// without telling us (npm does that when it is killed).
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Resolves when the child has ended. `code` is what a shell would report: 128 + n for a signal. `signal` is the one that
 * ended the child or that we were sent meanwhile. `output` is what it printed, of the streams that were piped.
 */
export function runChild(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, options)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    let received
    const forget = onEnd((signal) => {
      received = signal
      child.kill(signal)
    })
    child.on('error', (error) => {
      forget()
      process.stderr.write(`gatehouse: ${command} could not be run: ${error.message}\n`)
      resolve({ code: 127, output })
    })
    child.on('close', (code, killedBy) => {
      forget()
      resolve({ code: code ?? 128 + constants.signals[killedBy], signal: killedBy ?? received, output })
    })
  })
}

/** Calls `listener` on each signal that asks us to end, and when our parent is gone. Returns how to stop that. */
export function onEnd(listener) {
  for (const signal of signals) process.on(signal, listener)
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    listener('SIGTERM')
  }, 1000)
  watch.unref()
  return () => {
    clearInterval(watch)
    for (const signal of signals) process.off(signal, listener)
  }
}
