// One login: the client begins, a person has the question before them, and clicks at the moment that is asked for.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Person } from '@gatehouse/testing'
import type { Client } from './client.ts'
import type { Deployment } from './deployments.ts'

/** All times in milliseconds. */
export interface Login {
  /** From the first token request of a device, or the app's question, to the click. */
  readonly waited: number
  readonly clickToToken: number
  /** What the device asked the token endpoint for; times count from the click. */
  readonly requests: readonly {
    readonly came: number
    readonly took: number
    readonly status: number
    readonly error?: string | undefined
  }[]
}

const giveUpMs = 60_000

/** `wait` is in milliseconds. The person is signed in, or is asked to sign in before the question. */
export async function logIn(client: Client, site: Deployment, person: Person, wait: number): Promise<Login> {
  await using login = await client.start(site)
  const failed = login.ended.then(() => never, Promise.reject.bind(Promise))
  const { asks } = login
  if ('userCode' in asks) await person.enterCode(asks.userCode)
  else await person.open(asks.address)
  if (person.page.heading.startsWith('Sign in')) await person.logIn()

  const device = 'userCode' in asks ? site.wire.ofDevice(asks.userCode) : undefined
  const began = device ? await inTime(Promise.race([device.first, failed])) : performance.now()
  await sleep(Math.max(0, began + wait - performance.now()))
  const clicked = performance.now()
  const { leftTo, heading, text } = await person.approve()
  if (leftTo) await (await fetch(leftTo)).text()
  else if (heading !== 'You are signed in on your device') throw new Error(`the approval was refused: ${text}`)
  const requests = device ?? site.wire.ofCode(leftTo?.searchParams.get('code') ?? '')
  const token = await inTime(Promise.race([requests.token, failed]))
  await inTime(login.ended)
  return {
    waited: clicked - began,
    clickToToken: token - clicked,
    requests: requests.all.map(({ came, ended, status, error }) => ({
      ...{ came: came - clicked, took: ended - came, status, error },
    })),
  }
}

const never = new Promise<never>(() => undefined)

async function inTime<T>(asked: Promise<T>): Promise<T> {
  const stop = new AbortController()
  const late = sleep(giveUpMs, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`nothing came for ${giveUpMs / 1000} s`)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    late.catch(() => undefined)
    stop.abort()
  }
}
