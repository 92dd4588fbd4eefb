// Files for their owner alone, each replaced whole or not at all.
import { chmod, mkdir, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ClientError } from '@gatehouse/network'
import writeFileAtomic from 'write-file-atomic'

/** Tells the person about a file that could not be used as it was. */
export type Notify = (notice: string) => void

/** The text of a file; `undefined`: no file. A file that others could read is made private, with a notice. */
export async function readPrivateFile(file: string, notify: Notify): Promise<string | undefined> {
  try {
    const text = await readFile(file, 'utf8')
    if (await isOpenToOthers(file)) {
      notify(`${file} could be read by others; now it is private again.`)
      await chmod(file, 0o600)
    }
    return text
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Creates the folder, for its owner alone, if it is missing. Throws `store_unwritable`. */
export async function writePrivateFile(file: string, text: string): Promise<void> {
  await inPrivateFolder(dirname(file), () => writeFileAtomic(file, text, { mode: 0o600 }))
}

/** Runs `work` on a folder that exists and is private. Throws `store_unwritable` where it, or `work`, cannot write. */
export async function inPrivateFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if (await isOpenToOthers(folder)) await chmod(folder, 0o700)
    return await work()
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    throw new ClientError('store_unwritable', 'The sign-in could not be saved.', {
      reason: `${folder} cannot be written (${(cause as NodeJS.ErrnoException).code}).`,
      hint: 'Make it writable, or set GATEHOUSE_HOME to a folder that is.',
      cause,
    })
  }
}

/** Windows has no such bits: there the user's profile folder is what protects. */
async function isOpenToOthers(path: string): Promise<boolean> {
  return process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0
}
