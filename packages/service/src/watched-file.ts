// Notices that files got another content while the process runs, however that came about: edited in place, renamed over,
// a folder of Kubernetes whose symlink is swapped, a single file that is mounted. What the content means is not known here.
import { createHash } from 'node:crypto'
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface WatchOptions {
  /** Milliseconds between two looks where the system tells nothing: mounted files, network file systems, linked files. */
  readonly poll?: number
  /** Milliseconds that a new content has to stay the same before it counts: it may be half written. */
  readonly settle?: number
}

/**
 * Calls `onChange`, which must not throw, once for each new content of one of `paths`. A file that cannot be read counts as
 * unchanged until it can. Changes from before the call are not told: watch first, then read. Returns what stops it. Never
 * throws, and keeps no process alive. A single mounted file that is renamed over stays the old one in the container.
 */
export function watchFile(
  paths: string | readonly string[],
  onChange: () => void,
  { poll = 5_000, settle = 1_000 }: WatchOptions = {},
): () => void {
  const files = [paths].flat().map((path) => ({ path, known: readNow(path) }))
  let seen = stateOf(files)
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const lookSoon = () => {
    timer ??= setTimeout(look, settle).unref()
  }
  const look = async () => {
    timer = undefined // before reading: what happens meanwhile is worth another look
    const found = await Promise.all(
      files.map(async ({ path, known }) => ({ path, known: (await read(path)) ?? known })),
    )
    if (stopped) return
    const state = stateOf(found)
    const isSettled = state === seen
    seen = state
    if (state === stateOf(files)) return
    if (!isSettled) return lookSoon()
    files.splice(0, files.length, ...found)
    onChange()
  }

  const folders = [...new Set(files.map(({ path }) => dirname(path)))].map((folder) => watchFolder(folder, lookSoon))
  const polling = setInterval(lookSoon, poll).unref()
  return () => {
    stopped = true
    clearInterval(polling)
    clearTimeout(timer)
    for (const folder of folders) folder?.close()
  }
}

const stateOf = (files: readonly { readonly known: string | undefined }[]) => files.map(({ known }) => known).join()
const digest = (content: Buffer) => createHash('sha256').update(content).digest('base64')
const read = (path: string) => readFile(path).then(digest, () => undefined)

function readNow(path: string): string | undefined {
  try {
    return digest(readFileSync(path))
  } catch {
    return undefined
  }
}

/** Undefined where the system has no more watchers, or there is no such folder: polling has to do. */
function watchFolder(folder: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent)
    return watcher.on('error', () => watcher.close())
  } catch {
    return undefined
  }
}
