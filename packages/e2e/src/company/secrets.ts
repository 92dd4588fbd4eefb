// What a run of the company has that is secret, all that it left, and which secret belongs into which of it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startProcess } from '@gatehouse/testing'
import type { AnswerRecorder, Place } from '../harness/leaks.ts'
import type { createPlanting } from '../harness/planting.ts'
import { contentOf } from '../replicas/redis-content.ts'
import { type Company, commands, textOf } from './scene.ts'

type Plant = ReturnType<typeof createPlanting>['plant']

const toClients = 'answers of the MCP server'
const tokens = 'answers with tokens'
const toDevices = 'answers to devices'
const pages = 'pages and other answers of the authorization server'
const ledgerPlace = 'requests to the ledger'
const toGithub = 'requests to GitHub'

/** Where a token that its owner misplaced may be: where they read it again. The ledger is sent what it is called with. */
export function misplacedBelongs(where: string): readonly string[] {
  const toTheSender = [toClients, tokens, toDevices, pages]
  return where === 'the name of an argument' ? [...toTheSender, ledgerPlace] : toTheSender
}

/** The places of a kind of secret. What is not here belongs nowhere. */
export const belongs: Readonly<Record<string, readonly string[]>> = {
  'a token of a person': [tokens],
  'the signature of a token of a person': [tokens],
  'the refresh token of a person': [tokens],
  'a token of a refresh': [tokens],
  'the signature of a token of a refresh': [tokens],
  'the refresh token of a refresh': [tokens],
  'a token of a machine': [tokens],
  'the signature of a token of a machine': [tokens],
  'a device code': [toDevices],
  // a person compares it
  'a user code': [toDevices, pages],
  'a cookie': [pages],
  'a form of a page': [pages],
  'the id of a request': [pages],
  // goes there in an address, and comes back
  'the state of a sign-in at GitHub': [pages, toGithub],
  'the client secret at GitHub': [toGithub],
  // comes from the browser, and goes by it to the page that began
  'a code of GitHub': [toGithub, pages],
  'a token of GitHub': [toGithub],
  'the credential of the ledger': [ledgerPlace],
  'a session of the ledger': [ledgerPlace],
}

/** What the scene knows, besides what people and clients were given. */
export async function plantAll(company: Company, plant: Plant): Promise<void> {
  const { cluster, folder, github, machines, secrets, toGitHub, toLedger, dataDir } = company
  for (const [what, secret] of Object.entries(secrets)) plant(what, secret)
  for (const { client_secret } of machines) plant("a machine's secret", client_secret)
  plant('the credential of the ledger', readFileSync(join(folder, 'secrets/ledger-authorization'), 'utf8').slice(7))
  plant('the client secret at GitHub', github.clientSecret)
  for (const { headers } of toLedger.exchanges) plant('a session of the ledger', headers['mcp-session-id'] as string)
  for (const { path, body, sent } of toGitHub.exchanges) {
    if (path !== '/login/oauth/access_token') continue
    plant('a token of GitHub', JSON.parse(body).access_token)
    plant('a code of GitHub', new URLSearchParams(sent.body).get('code') ?? undefined)
  }
  const { AUTH_SECRET = '' } = secrets
  const env = { AUTH_SECRET, AUTH_ISSUER: cluster.issuer, REDIS_URL: cluster.redis.url, DATA_DIR: dataDir }
  for (const part of await privateParts(env)) plant('a private part of a signing key', part)
}

/** The private parts of the signing keys, read as the operator's command reads them. */
async function privateParts(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  await using running = startProcess(['apps/auth/src/harness/private-keys.ts'], { env })
  const { code } = await running.exited
  if (code !== 0) throw new Error(running.output())
  return JSON.parse(running.stdout())
}

const headersOf = (headers: object) => JSON.stringify(headers)

/** `printed`: by the commands of the client. */
export async function placesOf(company: Company, answers: AnswerRecorder, printed: string): Promise<readonly Place[]> {
  const { cluster, folder, toLedger, toGitHub, ledger, sentTo, surroundingsOf, heardByRedis, metricsUrls } = company
  const { issuer, resource, redis } = cluster
  const logs = { auth: '', mcp: '' }
  for (const name of ['auth', 'mcp'] as const)
    logs[name] = cluster[name].replicas.map((replica) => replica.logs()).join('\n')
  const requests = ({ exchanges }: Company['toLedger']) =>
    exchanges
      .map(({ method, path, query, sent }) => `${method} ${path}?${query}\n${headersOf(sent.headers)}\n${sent.body}`)
      .join('\n')
  const metrics = await Promise.all(metricsUrls.map(async (url) => (await fetch(url)).text()))
  const content = await contentOf(redis)
  const endpoints = [`${issuer}/token`, `${issuer}/device_authorization`] as const
  const stderr = logs.mcp.split('\n').filter((line) => line.includes('"stderr":'))
  return [
    { name: 'logs of two authorization servers', text: logs.auth, known: 'a person decided on a request' },
    { name: 'logs of two MCP servers', text: logs.mcp, known: 'MCP server started' },
    { name: 'what commands wrote to stderr', text: stderr.join('\n'), known: 'Secure MCP Filesystem Server' },
    { name: 'what the ledger wrote', text: ledger.output(), known: 'by github:11' },
    { name: ledgerPlace, text: requests(toLedger), known: '"gatehouse-caller":"github:11"' },
    { name: toGithub, text: requests(toGitHub), known: 'POST /login/oauth/access_token' },
    { name: 'messages to commands', text: commands.flatMap(sentTo).join('\n'), known: '"read_text_file"' },
    {
      name: 'variables and arguments of commands',
      text: commands.map(surroundingsOf).join('\n'),
      known: 'MEMORY_FILE_PATH=',
    },
    { name: 'the audit', text: readFileSync(join(folder, 'audit.jsonl'), 'utf8'), known: '"event":"device_approved"' },
    { name: 'what our commands printed', text: printed, known: 'ledger__transfer' },
    { name: toClients, text: await answers.from(resource), known: 'moved from operations to travel by github:11' },
    { name: tokens, text: await answers.from(endpoints[0]), known: '"access_token"' },
    { name: toDevices, text: await answers.from(endpoints[1]), known: '"device_code"' },
    { name: pages, text: await answers.from(issuer, ...endpoints), known: 'You are signed in on your device' },
    { name: 'names of keys in Redis', text: content.names.join('\n'), known: ':' },
    { name: 'values in Redis', text: content.values, known: '\r\n$' },
    { name: 'every command that Redis got', text: heardByRedis.heard(), known: '"evalsha"' },
    { name: 'metrics of four processes', text: metrics.join('\n'), known: 'gatehouse_' },
    {
      name: 'data folders, documents and notes',
      text: textOf(company.dataDir) + company.content(),
      known: '# Handbook',
    },
  ]
}
