// What an upstream is told that a client can do. It may answer differently to it, and a connection is for one such answer.
import type { UpstreamSettings } from '../settings.ts'
import type { Behalf, Members } from './contract.ts'

/** Characters of what nobody here knows. Each variant of it is a connection of its own. */
const longestUnknown = 8_192

/** What an upstream is told that the client can do: as the client says it, as far as the file lets it be asked. */
function mirrored(
  { capabilities }: Pick<Behalf, 'capabilities'>,
  questions: { readonly form: boolean; readonly url: boolean; readonly roots: boolean; readonly sampling: boolean },
): Members {
  const { elicitation, sampling, roots, tasks: _, ...rest } = capabilities
  const asks = isMembers(elicitation) ? elicitationOf(elicitation, questions) : undefined
  return {
    ...(JSON.stringify(rest).length <= longestUnknown && rest),
    ...(asks && { elicitation: asks }),
    ...(isMembers(sampling) && questions.sampling && { sampling }),
    ...(isMembers(roots) && questions.roots && { roots }),
  }
}

/** The same for all who share an upstream: a process of many is told of nobody's questions, which could reach another. */
export function declaredTo({ isolation, questions }: UpstreamSettings, behalf: Pick<Behalf, 'capabilities'>): Members {
  const all = mirrored(behalf, questions)
  if (isolation !== 'shared') return all
  const { elicitation: _e, sampling: _s, roots: _r, ...rest } = all
  return rest
}

/** Without a mode it is `form`: so it was before there were modes. */
function elicitationOf(
  declared: Members,
  { form, url }: { readonly form: boolean; readonly url: boolean },
): Members | undefined {
  const { form: formTerms, url: urlTerms, ...rest } = declared
  const hasForm = formTerms !== undefined || urlTerms === undefined
  const modes = {
    ...(formTerms !== undefined && form && { form: formTerms }),
    ...(urlTerms !== undefined && url && { url: urlTerms }),
  }
  return Object.keys(modes).length > 0 || (hasForm && form) ? { ...rest, ...modes } : undefined
}

/**
 * What a client can do, as far as it can be said in a handful of ways only: without what it adds to the members that the protocol
 * has, and without members of its own.
 */
export function usualCapabilities({ elicitation, sampling, roots }: Members): Members {
  return {
    ...(isMembers(elicitation) && { elicitation: present(elicitation, ['form', 'url']) }),
    ...(isMembers(sampling) && { sampling: present(sampling, ['context', 'tools']) }),
    ...(isMembers(roots) && { roots: roots.listChanged === true ? { listChanged: true } : {} }),
  }
}

function present(said: Members, names: readonly string[]): Members {
  return Object.fromEntries(names.filter((name) => isMembers(said[name])).map((name) => [name, {}]))
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
