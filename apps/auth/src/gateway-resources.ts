// What the file that both services read says to the authorization server: the endpoints are its resources, and people are
// told what stands behind them. No secret of it is resolved here. config.ts names the variables.
import { readFileSync } from 'node:fs'
import type { AuditInFile } from '@gatehouse/service'
import { defaultScopes, mcpScopes, type ProtectedResource } from '@gatehouse/shared'
import {
  BUILTIN,
  type GatewayFile,
  type GroupInFile,
  groupsOf,
  readGatewayFile,
  scopesOf,
} from '@gatehouse/shared/gateway-file'

export interface GatewayResources {
  /** Undefined: the file has no endpoints, and serves a resource that it does not name. */
  readonly resources: readonly ProtectedResource[] | undefined
  /** What there is to the one resource of a file without endpoints. */
  readonly behind: Required<Pick<ProtectedResource, 'upstreams' | 'words' | 'groups'>> & {
    /** Besides its own. */
    readonly scopes: readonly string[]
  }
  readonly groups: readonly GroupInFile[]
  /** What the file says of the audit. */
  readonly audit: AuditInFile | undefined
}

/** Undefined where there is no file, or a faulty one. */
export function readGatewayResources(
  path: string | undefined,
  issuer: string,
  faults: string[],
): GatewayResources | undefined {
  if (!path) return undefined
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    faults.push(`GATEHOUSE_CONFIG: ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
    return undefined
  }
  const { file, faults: found } = readGatewayFile(text, { issuer })
  if (file) return describe(file)
  faults.push(...found.map(({ line, column, message }) => `${path}:${line}:${column} ${message}.`))
  return undefined
}

function describe(file: GatewayFile): GatewayResources {
  const { endpoints, upstreams, rules, scopes: words, groups, audit } = file
  const all = upstreams.map(({ name }) => name)
  return {
    resources: endpoints?.map((endpoint) => ({
      ...endpoint,
      // only the demonstration notifies
      scopes: [
        ...(endpoint.upstreams.includes(BUILTIN) ? mcpScopes : defaultScopes),
        ...scopesOf(rules, endpoint.upstreams),
      ],
      words,
      groups: groupsOf(file, endpoint.upstreams, endpoint.groups),
    })),
    behind: { upstreams: all, scopes: scopesOf(rules, all), words, groups: groupsOf(file, all) },
    groups,
    audit,
  }
}
