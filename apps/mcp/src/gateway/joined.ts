// What others may want very often, of which only the last time matters: one is under way, and one more is due after it.

/**
 * Runs `work`, unless some of the same key is under way: then the last that was given is run once after it, and the others
 * never are. What `work` rejects with is for `work` to tell.
 */
type Join = (key: string, work: () => Promise<unknown>) => void

export function createJoined(): Join {
  /** What is due, by the key of what is under way. */
  const underWay = new Map<string, (() => Promise<unknown>) | undefined>()

  function run(key: string, work: () => Promise<unknown>): void {
    underWay.set(key, undefined)
    const goOn = (): void => {
      const due = underWay.get(key)
      if (due) run(key, due)
      else underWay.delete(key)
    }
    work().then(goOn, goOn)
  }

  return (key, work) => {
    if (underWay.has(key)) underWay.set(key, work)
    else run(key, work)
  }
}
