const quiet = 60_000

/** Passes on what it is told once a minute at most: for the log, while something goes wrong many times a second. */
export function seldom<What extends unknown[]>(tell: (...what: What) => void): (...what: What) => void {
  let told = -quiet
  return (...what) => {
    if (performance.now() - told < quiet) return
    told = performance.now()
    tell(...what)
  }
}
