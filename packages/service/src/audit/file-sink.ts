// Audit lines at the end of a file. It is opened again when somebody says so, and when what has its name is another file: so it
// may be moved away while we run. Several processes may write to one file of a local disk: a line is appended as a whole.
import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { Sent, Sink } from './queue.ts'

/** A pipe that nobody reads would hold a thread of ours. */
const flags = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NONBLOCK
const mode = 0o600

interface OpenFile {
  readonly handle: FileHandle
  readonly dev: number
  readonly ino: number
}

export function createFileSink(path: string): Sink & { reopen(): void } {
  let file: OpenFile | undefined
  /** Bytes of the first line that the file has already: the disk was full in the middle of it. */
  let begun = 0
  let isToReopen = false

  async function isMoved({ dev, ino }: OpenFile): Promise<boolean> {
    try {
      const now = await stat(path)
      return now.dev !== dev || now.ino !== ino
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT'
    }
  }

  async function current(): Promise<FileHandle> {
    if (file && (isToReopen || (await isMoved(file)))) {
      await file.handle.close().catch(() => undefined)
      file = undefined
      begun = 0
    }
    isToReopen = false
    if (!file) {
      const handle = await open(path, flags, mode)
      const { dev, ino } = await handle.stat()
      file = { handle, dev, ino }
    }
    return file.handle
  }

  return {
    async send(lines): Promise<Sent> {
      let written = 0
      let error: Error | undefined
      const before = { begun }
      try {
        const handle = await current()
        before.begun = begun
        const bytes = Buffer.concat(lines).subarray(begun)
        while (written < bytes.length) written += (await handle.write(bytes, written)).bytesWritten
      } catch (thrown) {
        error = thrown as Error
      }
      let left = before.begun + written
      let arrived = 0
      for (const { length } of lines) {
        if (left < length) break
        left -= length
        arrived += 1
      }
      begun = left
      return { arrived, error }
    },
    reopen() {
      isToReopen = true
    },
    async close() {
      await file?.handle.close().catch(() => undefined)
      file = undefined
    },
  }
}
