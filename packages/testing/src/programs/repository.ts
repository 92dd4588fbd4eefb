import { join } from 'node:path'

/** The repository's root folder. */
export const repository = join(import.meta.dirname, '../../../..')

/** A variable: where Node.js keeps what it compiled, as `npm start` has it. From source, a program starts twice as fast by it. */
export const compileCache = {
  NODE_COMPILE_CACHE: join(repository, 'node_modules', '.cache', 'gatehouse', 'compiled'),
}
