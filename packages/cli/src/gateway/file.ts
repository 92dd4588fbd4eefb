// Which file a command about the gateway is for, and as what it is read.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ClientError } from '@gatehouse/network'
import type { CommandContext } from '../command.ts'
import { defaultFile } from '../protect/options.ts'
import { ofServices } from '../protect/services.ts'

export function fileNamed(
  named: string | undefined,
  { env, folder }: Pick<CommandContext, 'env' | 'folder'>,
  hint: string,
): string {
  const file = resolve(folder, named ?? (env.GATEHOUSE_CONFIG || defaultFile))
  if (!existsSync(file)) throw new ClientError('usage', `There is no file ${file}.`, { hint })
  return file
}

/** Without the settings of services that may run here. */
export function environmentFor(file: string, env: CommandContext['env'], dataDir: string): CommandContext['env'] {
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !ofServices.test(name)))
  return { ...kept, GATEHOUSE_CONFIG: file, DATA_DIR: dataDir }
}
