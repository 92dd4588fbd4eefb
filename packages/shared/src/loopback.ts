/**
 * Whether the host of a URL, as URL parsers write it, means this machine alone: by its name, or by a number of it. Nothing
 * is looked up.
 */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost\.?|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}
