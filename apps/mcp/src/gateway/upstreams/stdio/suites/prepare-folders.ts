// Run as a process: `node prepare-folders.ts HOME UID` prepares what a command of that user is started with.
import { prepareSurroundings } from '../surroundings.ts'
import { commandSettings } from './settings.ts'

const [home = '', uid] = process.argv.slice(2)
prepareSurroundings(commandSettings([]), home, {}, { uid: Number(uid), gid: Number(uid) })
