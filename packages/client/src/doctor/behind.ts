// What stands behind a gateway, as it says to somebody who is signed in there already.
import type { Finding } from '@gatehouse/doctor'
import { cleanLine } from '@gatehouse/network'
import type { UpstreamTrouble } from '@gatehouse/shared'

const unknownFault = { what: 'is in trouble', fix: "Look into the gateway's log." }
/** What a gateway says of a server behind it. */
const faults: Readonly<Record<string, typeof unknownFault>> = {
  unreachable: { what: 'cannot be reached', fix: 'Start it, or mend its address in the file of the gateway.' },
  unauthorized: { what: "refuses the gateway's credential", fix: 'Mend its `credential` in the file of the gateway.' },
  'token-endpoint': {
    what: 'gets no token: the authorization server of its credential is away',
    fix: 'Start that server, or mend `credential.issuer` in the file of the gateway.',
  },
  issuer: {
    what: 'gets no token: its authorization server is another one than the file says, or none',
    fix: 'Mend `credential.issuer` in the file of the gateway; `gateway check` says what that server calls itself.',
  },
  client: {
    what: "gets no token: its authorization server does not take the gateway's client",
    fix: 'Mend `credential.clientId`, or the secret or the key that the file of the gateway names.',
  },
  token: {
    what: 'gets no token: its authorization server gives none for what is asked',
    fix: 'Look at `credential` in the file of the gateway, `scope` and `resource` above all; `gateway check` says more.',
  },
  busy: { what: 'has as many requests as it may have', fix: 'Raise `concurrency` or `processes.max`, or wait.' },
  timeout: {
    what: 'did not answer in time',
    fix: 'Look at the server; its `timeouts` are in the file of the gateway.',
  },
  interrupted: { what: 'broke off in the middle of a request', fix: "Look at the server's log for why it ended." },
  invalid: { what: 'sends what is no MCP', fix: 'Check its address, and that it is an MCP server.' },
}

export function findingOf({ upstream, fault }: UpstreamTrouble): Finding {
  const { what, fix } = faults[fault] ?? unknownFault
  return {
    id: `upstream-${cleanLine(fault, 40)}`,
    severity: 'fault',
    what: `${cleanLine(upstream, 80)} ${what}.`,
    fix,
    spec: 'docs/gateway.md, Trouble',
    stops: [],
  }
}
