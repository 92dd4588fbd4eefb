// What the operator is told of what happens here: the lines of the log that are no request's, and the alarms beside them.
// Key ids, client ids and subjects are no secrets; tokens, codes and addresses of people never are in a notice.
import { seldom, shownText } from '@gatehouse/service'
import type { AuditEvent } from '@gatehouse/shared'
import type { FastifyBaseLogger } from 'fastify'
import type { AccountsOptions } from './accounts/accounts.ts'
import type { Counters } from './counters.ts'
import type { AdapterOptions } from './provider/adapters/options.ts'
import type { ClientDocumentsOptions } from './provider/clients/documents/client-documents.ts'
import type { StaticClientsOptions } from './provider/clients/static-clients.ts'
import type { HeldPollsOptions } from './provider/device/held-polls.ts'
import type { DeviceRelayOptions } from './provider/device/relay.ts'
import type { EngineOptions } from './provider/engine.ts'
import type { ReuseGraceOptions } from './provider/grants/reuse-grace.ts'
import type { GrantBookOptions } from './provider/people/connected-apps.ts'
import type { ProviderEvents } from './provider/provider.ts'
import type { FollowOptions } from './reload.ts'

export interface NoticesOptions {
  readonly log: FastifyBaseLogger
  readonly counters: Counters
  /** For the audit, of which this is another way to tell. */
  readonly write: (event: AuditEvent) => void
}

export function createNotices({ log, counters, write }: NoticesOptions) {
  /** Somebody who guesses goes on. */
  const writeSeldom = seldom(write)
  const tellOfStaleFacts = seldom((what: object, words: string) => log.warn(what, words))
  const tellOfNoRoom = seldom((cap: string) =>
    log.warn({ cap }, 'too many devices wait to hold all their polls: the others are answered at once'),
  )
  return {
    personRefused: ({ subject, facts, doubt }) =>
      log.info({ subject, hasAddress: facts?.email !== undefined, doubt }, 'the rules keep somebody out who signed in'),
    factsStale({ login, counts, age, reason }) {
      counters.factsStale(login.slice(0, -1), counts)
      tellOfStaleFacts(
        { login, counts, age, reason },
        counts
          ? 'a login cannot be asked again about its people: what it said before still counts, for a day in all'
          : 'a login cannot be asked again about its people: what it said is over a day old, and does not count any more',
      )
    },
    groupsUnmet: (ways) =>
      log.warn({ ways }, 'the file of the gateway names people that no login brings: they are in no group'),
    wrongUserCodes() {
      counters.alarm('user_codes')
      writeSeldom({ event: 'user_codes_blocked', outcome: 'refused', decision: 'deny', reason: 'too_many' })
      log.warn('too many wrong device codes: somebody may be guessing')
    },
    wrongClientSecrets(clientId: string) {
      counters.alarm('client_secret')
      const client = shownText(clientId)
      write({ event: 'client_secret_blocked', outcome: 'refused', decision: 'deny', reason: 'too_many', client })
      log.warn({ clientId }, 'wrong secrets too often: turned away for a while')
    },
    relayFailed: ({ failure, message }) =>
      log.warn({ failure, reason: message }, "the relay of GitHub's device flow failed"),
    polledFromElsewhere: (poll) =>
      log.info(poll, 'a device code is polled from another network than it was asked for from'),
    noRoomToHold(cap) {
      counters.noRoomToHold(cap)
      tellOfNoRoom(cap)
    },
    accountsNotMoved: ({ cause, message }) =>
      log.warn(
        { reason: cause instanceof Error ? cause.message : message },
        'accounts of a release before this one may have no end yet: the store could not be looked through',
      ),
    documentUnread: (unread) => log.warn(unread, "a client's metadata document cannot be read"),
    documentsUnreadable: (admitted: readonly string[]) =>
      log.warn(
        { admitted },
        'no client metadata document can ever be read from the hosts of AUTH_METADATA_HOSTS: as AUTH_METADATA_DOCUMENTS=off',
      ),
    clientFileRead: (result) =>
      'fault' in result
        ? log.error(result, 'the client file is faulty; the clients stay as they were')
        : log.info(result, 'client file read again'),
    gatewayFileRead(reading) {
      counters.configReload(reading.result)
      if (reading.result === 'faulty')
        log.error({ faults: reading.faults }, 'the file of the gateway is faulty: everything stays as it is')
      else log.info(reading, 'the file of the gateway was read again')
    },
    replayed(replay) {
      const { clientId, subject, grantId: grant, requestId: request, elsewhere, ended } = replay
      if (elsewhere) counters.alarm('replay')
      if (ended)
        write({ event: 'grant_ended', outcome: 'ok', reason: 'elsewhere', request, grant, subject, client: clientId })
      log[elsewhere ? 'warn' : 'info'](
        { clientId, elsewhere, ended },
        ended
          ? 'a redeemed token came from another address and program: the sign-in was ended'
          : 'a redeemed token was presented again and got its answer again',
      )
    },
    roomMade: (subject, { grantId, clientId }) =>
      write({ event: 'grant_ended', outcome: 'ok', reason: 'too_many', grant: grantId, subject, client: clientId }),
    probed(fault) {
      counters.alarm('probe')
      log.warn(fault, 'a token was presented in a request with a fault')
    },
    requestFailed: (error, route) => log.error({ err: error, route }, 'request failed'),
    keysUnreadable: (error) => log.error({ err: error }, 'the signing keys cannot be read; trying again'),
    keysWritten(what, algorithms) {
      write({ event: 'signing_key_changed', outcome: 'ok', reason: what })
      if (what === 'made')
        log.info(
          { algorithms },
          'a signing key was made: the store had none. Tokens that another one signed are refused',
        )
      else log.warn('the store lost its data: the signing keys were written back, and people have to sign in again')
    },
    /** The first key id of each list signs. */
    keysChanged({ alg, before, published, removed }) {
      const reason = removed.length > 0 ? 'removed' : before[0] === published[0] ? 'published' : 'turned'
      write({ event: 'signing_key_changed', outcome: 'ok', reason, keys: [...published] })
      if (removed.length > 0)
        log.warn({ alg, removed, published }, 'signing keys were removed: what they signed is refused')
      else if (before[0] === published[0]) log.info({ alg, before, published }, 'other signing keys are published')
      else log.info({ alg, before, published }, 'another signing key signs')
    },
  } satisfies Notices
}

interface Notices {
  readonly personRefused: AccountsOptions['onRefused']
  readonly factsStale: AccountsOptions['onStale']
  readonly groupsUnmet: FollowOptions['onUnmet']
  readonly wrongUserCodes: () => void
  readonly wrongClientSecrets: (clientId: string) => void
  readonly relayFailed: DeviceRelayOptions['log']
  readonly polledFromElsewhere: AdapterOptions['onPollFromElsewhere']
  readonly noRoomToHold: HeldPollsOptions['onFull']
  readonly accountsNotMoved: (error: Error) => void
  readonly documentUnread: ClientDocumentsOptions['onUnread']
  readonly documentsUnreadable: (admitted: readonly string[]) => void
  readonly clientFileRead: StaticClientsOptions['onReload']
  readonly gatewayFileRead: FollowOptions['onReload']
  readonly replayed: ReuseGraceOptions['onReplay']
  readonly roomMade: GrantBookOptions['onRoomMade']
  readonly probed: ReuseGraceOptions['onFault']
  readonly requestFailed: ProviderEvents['onError']
  readonly keysUnreadable: EngineOptions['onTrouble']
  readonly keysWritten: EngineOptions['onKeysWritten']
  readonly keysChanged: EngineOptions['onKeysChanged']
}
