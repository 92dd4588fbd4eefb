/** Addresses of networks of their own, two requests for each: a network may ask for no more before it shares with all. */
export function createAddresses(): () => string {
  let asked = 0
  return () => {
    const network = Math.floor(asked / 2)
    asked += 1
    return `10.${(network >> 16) & 255}.${(network >> 8) & 255}.${network & 255}`
  }
}
