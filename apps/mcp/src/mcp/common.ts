// What all endpoints of this process have in common: connections and memory are the process's, however many endpoints there are.
import type { Audit } from '@gatehouse/service'
import type { FastifyBaseLogger } from 'fastify'
import { type Answer, createAnswer } from './answer.ts'
import { type AnswerAlone, createAnswerAlone } from './answer-alone.ts'
import { type Call, createCallAudit } from './call-audit.ts'
import { type Connections, createConnections } from './connections.ts'
import type { StreamLimits } from './stream-limits.ts'
import { createUnsentBytes, type UnsentBytes, type UnsentLimits } from './unsent-bytes.ts'

export interface CommonOptions {
  readonly streamLimits: StreamLimits
  readonly unsentLimits: UnsentLimits
  /** Milliseconds without a word after which an open stream has a comment. */
  readonly keepAlive: number
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** Milliseconds for calls to end in before a shutdown ends them. */
  readonly answerLimit: number
  readonly log: FastifyBaseLogger
  readonly audit: Audit
  /** Told of each call of a tool, and after how many milliseconds it was answered. */
  readonly onCall?: ((call: Call, took: number) => void) | undefined
}

export interface Common extends Pick<CommonOptions, 'streamLimits' | 'keepAlive' | 'log'> {
  readonly connections: Connections
  readonly unsent: UnsentBytes
  readonly answer: Answer
  /** The short way. */
  readonly answerAlone: AnswerAlone
  readonly audit: ReturnType<typeof createCallAudit>
  /** Of requests that the SDK refuses as well as of its own failures; it does not say which. */
  readonly onerror: (error: Error) => void
}

export function createCommon({ unsentLimits, clock, answerLimit, audit, onCall, ...options }: CommonOptions): Common {
  const { streamLimits, keepAlive, log } = options
  const onerror = (error: Error): void => log.info({ err: error }, 'MCP request failed')
  const unsent = createUnsentBytes(unsentLimits, (bytes) =>
    log.info({ bytes }, 'a client was disconnected that does not read what it is sent'),
  )
  return {
    ...options,
    connections: createConnections({ limits: streamLimits, answerLimit, clock, onerror }),
    unsent,
    answer: createAnswer({ unsent, keepAlive, onerror }),
    answerAlone: createAnswerAlone({ unsent, keepAlive, onerror }),
    audit: createCallAudit(audit, onCall),
    onerror,
  }
}
