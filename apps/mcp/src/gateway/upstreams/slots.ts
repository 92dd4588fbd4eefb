// So many at once, the others in the order in which they came.

export interface Slots {
  /** Resolves once there is room. */
  take(): Promise<void>
  give(): void
}

export function createSlots(max: number): Slots {
  let taken = 0
  const waiting: (() => void)[] = []
  return {
    async take() {
      if (taken < max) {
        taken += 1
        return
      }
      await new Promise<void>((resolve) => waiting.push(resolve))
    },
    give() {
      const next = waiting.shift()
      if (next) next()
      else taken -= 1
    },
  }
}
