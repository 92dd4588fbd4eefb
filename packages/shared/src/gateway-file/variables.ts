// `${NAME}` and `${NAME:-default}` in a client's file; some editors write `${env:NAME}`.

const reference = /\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

export function isTemplate(text: string): boolean {
  return text.includes('${')
}

/** The text with the values of variables in it, or what is wrong, which shows no value. */
export function expand(
  text: string,
  variable: (name: string) => string | undefined,
): { readonly text: string } | { readonly fault: string } {
  const missing: string[] = []
  const expanded = text.replace(reference, (_whole, name: string, standard: string | undefined) => {
    const value = variable(name) || standard
    if (value === undefined) missing.push(name)
    return value ?? ''
  })
  if (missing.length > 0) return { fault: `${missing.join(' and ')} is not set: set it in the environment` }
  if (/\$\{(?!\})/.test(text.replace(reference, '')))
    return { fault: 'has a ${…} that only an editor can fill in: write ${NAME}, the name of an environment variable' }
  return { text: expanded }
}
