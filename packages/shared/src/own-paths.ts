// Paths that every service has for itself, so that nothing else may be there.

/** What probes ask: whether the process answers; whether it can do its work. */
export const probePaths: readonly string[] = ['/livez', '/readyz']

/** What is wrong with the path of a resource that would be one of ours; undefined: nothing. */
export function faultOfPath(pathname: string): string | undefined {
  if (!probePaths.includes(pathname) && !/^\/\.well-known(\/|$)/.test(pathname)) return undefined
  return `must not have a path of the server's own: ${probePaths.join(', ')}, or below /.well-known`
}
