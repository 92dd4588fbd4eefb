/** How long ago something was, in words. Both in milliseconds; a moment still to come (clocks differ) is "just now". */
export function timeAgo(then: number, now: number): string {
  const seconds = Math.floor((now - then) / 1000)
  if (seconds < 10) return 'just now'
  if (seconds < 60) return `${seconds} seconds ago`
  if (seconds < 3600) return `${count(seconds / 60, 'minute')} ago`
  if (seconds < 86_400) return `${count(seconds / 3600, 'hour')} ago`
  return `${count(seconds / 86_400, 'day')} ago`
}

/** How long to wait, in words, never too short: "20 seconds", "2 minutes". */
export function timeToWait(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds))
  return whole < 60 ? count(whole, 'second') : count(Math.ceil(whole / 60), 'minute')
}

function count(amount: number, unit: string): string {
  const whole = Math.floor(amount)
  return `${whole} ${unit}${whole === 1 ? '' : 's'}`
}
