// Clients that were asked for a moment ago, and are the same for a few seconds more: a request of a busy client costs no
// look at the store. What this process changes counts at once. What another one changes, or an operator's command, counts
// when what is known here is over. Clients that are not there are asked for each time, so a new one works at once.
import type { Clock } from '../../store/contract.ts'

/** In milliseconds, from before the store was asked. operator-command.ts waits for longer than this. */
export const clientsKnownFor = 4_000
const mostKnown = 1_000

export interface KnownClients<Client> {
  /** Of any number of callers at once, one loads. What is not there, or throws, is not remembered. */
  find(id: string, load: () => Promise<Client | undefined>): Promise<Client | undefined>
  /** What is being loaded counts for those alone who asked before. */
  forget(id: string): void
}

interface Known<Client> {
  readonly since: number
  readonly client: Promise<Client | undefined>
}

/** `isOn` false: nothing is remembered. */
export function createKnownClients<Client>({
  clock,
  isOn,
}: {
  readonly clock: Clock
  readonly isOn: boolean
}): KnownClients<Client> {
  const known = new Map<string, Known<Client>>()
  const isFresh = ({ since }: Known<Client>) => {
    const age = clock() - since
    return age >= 0 && age < clientsKnownFor // before 0 the clock was set back
  }

  return {
    find(id, load) {
      if (!isOn) return load()
      const found = known.get(id)
      if (found && isFresh(found)) return found.client
      const mine: Known<Client> = { since: clock(), client: load() }
      known.delete(id)
      known.set(id, mine)
      const drop = () => {
        if (known.get(id) === mine) known.delete(id)
      }
      mine.client.then((client) => client === undefined && drop(), drop)
      // the first is the one that was asked for longest ago
      const [oldest] = known.keys()
      if (known.size > mostKnown && oldest !== undefined) known.delete(oldest)
      return mine.client
    },
    forget: (id) => void known.delete(id),
  }
}
