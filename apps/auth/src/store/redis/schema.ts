// What a Redis says of the release that its data needs. Fields and keys that are added do not count; what a release that does not
// know of it would do wrong does.
import { type RedisCommands, type RedisConnection, StoreUnavailableError } from '@gatehouse/service'
import { ConfigError } from '../../errors.ts'

/** A Redis that does not say is as old as can be. */
const schema = 1

/**
 * The same connection, that touches nothing before it knows that this release may. For data of a newer one everything throws
 * {@link StoreUnavailableError}, whose cause is a {@link ConfigError}.
 */
export function onKnownSchema<Commands extends RedisCommands>(
  connection: RedisConnection<Commands>,
  key: string,
): RedisConnection<Commands> {
  let isKnown = false

  async function look(): Promise<void> {
    const found = await connection.read((redis) => redis.get(key))
    if (Number(found ?? 0) > schema) {
      const what = `The data in Redis is of a newer release: it has schema ${found}, and this release knows ${schema}.`
      throw new StoreUnavailableError(new ConfigError([`${what} Run a newer one, or restore a backup from before.`]))
    }
    // A Redis that takes no writes now is read all the same, and told by the next process.
    if (found === null) await connection.write((redis) => redis.set(key, schema, 'NX')).catch(() => undefined)
    isKnown = true
  }
  const known =
    <A extends unknown[], T>(run: (...given: A) => Promise<T>) =>
    async (...given: A): Promise<T> => {
      if (!isKnown) await look()
      return run(...given)
    }

  return {
    ...connection,
    read: (run) => (isKnown ? connection.read(run) : known(connection.read<never>)(run as never)),
    write: (run) => (isKnown ? connection.write(run) : known(connection.write<never>)(run as never)),
    add: known(connection.add) as typeof connection.add,
    scan: known(connection.scan),
    ping: known(connection.ping),
  }
}
