// Whether a file changed. The folder is watched, so that an editor's rename and the links of a config map are seen; where
// a file system tells nothing, looking every few seconds does.
import { watchFile as pollFile, unwatchFile, watch } from 'node:fs'
import { dirname } from 'node:path'

/** Milliseconds. */
const burst = 100
const round = 3_000

/** `onChange` may be called for a change of another file of the folder. Keeps no process alive. */
export function watchFile(path: string, onChange: () => void): () => void {
  let soon: NodeJS.Timeout | undefined
  const changed = (): void => {
    clearTimeout(soon)
    soon = setTimeout(onChange, burst).unref()
  }
  const stopWatching = watchFolder(dirname(path), changed)
  pollFile(path, { interval: round, persistent: false }, changed)
  return () => {
    clearTimeout(soon)
    stopWatching()
    unwatchFile(path, changed)
  }
}

/** Where that cannot be done, there is the poll. */
function watchFolder(folder: string, changed: () => void): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, changed)
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return () => undefined
  }
}
