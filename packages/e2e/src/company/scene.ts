// The company of examples/company as processes: two replicas of each service on one Redis, the example's own ledger, the two
// commands that it names, and a GitHub that knows five people. What passes between them is kept.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createFakeGitHub,
  type FakeGitHub,
  type FakeGitHubUser,
  freePorts,
  type RunningProcess,
  repository,
  startProcess,
} from '@gatehouse/testing'
import { type Recorder, startRecorder } from '../harness/recorder.ts'
import { type Cluster, startCluster, terminal } from '../replicas/cluster.ts'
import { listenTo, type RedisListener } from '../replicas/redis-content.ts'
import { gitHubSettings } from '../upstream/sign-in.ts'

export const commands = ['docs', 'notes'] as const
type Command = (typeof commands)[number]
const programs: Readonly<Record<Command, string>> = { docs: 'mcp-server-filesystem', notes: 'mcp-server-memory' }

/** Of one run alone, so that a search for them says something. */
const shared = () => `of-this-run-${crypto.randomUUID()}`

const mail = (email: string, verified = true) => [{ email, primary: true, verified }]
const acme = { organisations: ['acme'] }
export const people: readonly FakeGitHubUser[] = [
  { id: 11, login: 'ada', ...acme, teams: ['acme/finance'], emails: mail('ada@acme.example') },
  // is invited to the team and has not come
  {
    id: 12,
    login: 'ben',
    ...acme,
    teams: ['acme/finance'],
    pending: ['acme/finance'],
    emails: mail('ben@acme.example'),
  },
  { id: 13, login: 'cleo', emails: mail('cleo@partner.example') },
  { id: 14, login: 'dora', ...acme, emails: mail('dora@partner.example') },
  // says so, and GitHub does not know
  { id: 15, login: 'emil', emails: mail('emil@partner.example', false) },
]

export interface Machine {
  readonly client_id: string
  readonly client_secret: string
}

export interface Company extends AsyncDisposable {
  readonly cluster: Cluster
  /** A copy of the example, with what its reader installs. */
  readonly folder: string
  readonly github: FakeGitHub
  readonly machines: readonly Machine[]
  /** In front of the ledger, and of GitHub. */
  readonly toLedger: Recorder
  readonly toGitHub: Recorder
  readonly ledger: RunningProcess
  readonly heardByRedis: RedisListener
  /** What was written to a command, a line a message. */
  readonly sentTo: (command: Command) => readonly string[]
  /** The variables and arguments that a command was started with. */
  readonly surroundingsOf: (command: Command) => string
  readonly secrets: Readonly<Record<string, string>>
  readonly metricsUrls: readonly string[]
  readonly dataDir: string
  /** As the gateway is told: the text of the file, changed. */
  readonly rewrite: (change: (file: string) => string) => void
  /** The documents and the notes are again as the example has them. */
  readonly restore: () => void
  /** All documents and notes as one text. */
  readonly content: () => string
}

export async function startCompany(): Promise<Company> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-company-'))
  const example = join(repository, 'examples/company')
  cpSync(example, folder, { recursive: true })
  symlinkSync(join(repository, 'apps/mcp/node_modules'), join(folder, 'node_modules'))
  const setup = startProcess([join(folder, 'setup.ts')])
  if ((await setup.exited).code !== 0) throw new Error(setup.output())
  wrapCommands(folder)

  const github = await createFakeGitHub()
  github.users.clear()
  for (const person of people) github.users.set(person.login, person)
  const [ledgerPort = 0, inFrontPort = 0, gitHubPort = 0, ...metricsPorts] = await freePorts(7)
  const [toLedger, toGitHub] = await Promise.all([
    startRecorder(inFrontPort, ledgerPort),
    startRecorder(gitHubPort, Number(new URL(github.url).port)),
  ])
  const ledger = startProcess([join(folder, 'ledger.ts'), `${ledgerPort}`])
  await ledger.says(/listens/)

  const file = join(folder, 'gatehouse.yaml')
  const rewrite = (change: (text: string) => string) => writeFileSync(file, change(readFileSync(file, 'utf8')))
  rewrite((text) =>
    text.replaceAll('/srv/company', folder).replace('http://localhost:8080', `http://localhost:${inFrontPort}`),
  )
  const machines = JSON.parse(readFileSync(join(folder, 'clients.json'), 'utf8')) as Machine[]
  writeFileSync(join(folder, 'clients.json'), JSON.stringify([...machines, terminal]))

  const secrets = { AUTH_SECRET: shared(), MCP_SECRET: shared(), 'the password of Redis': shared() }
  const url = `http://localhost:${gitHubPort}`
  const cluster = await startCluster({
    auth: 2,
    mcp: 2,
    started: false,
    redis: { password: secrets['the password of Redis'] },
    env: { GATEHOUSE_CONFIG: file, LOG_LEVEL: 'debug', MCP_SECRET: secrets.MCP_SECRET },
  })
  const heardByRedis = listenTo(cluster.redis)
  const dataDir = join(folder, 'data')
  const dispose = async () => {
    await cluster[Symbol.asyncDispose]()
    heardByRedis[Symbol.dispose]()
    await Promise.all([ledger, toLedger, toGitHub, github].map((each) => each[Symbol.asyncDispose]()))
    rmSync(folder, { recursive: true, force: true })
  }
  const own = {
    auth: {
      ...gitHubSettings({ ...github, url, apiUrl: `${url}/api` }),
      AUTH_SECRET: secrets.AUTH_SECRET,
      AUTH_CLIENTS_FILE: join(folder, 'clients.json'),
      ALLOWED_GROUPS: 'finance,staff,contractors',
      ALLOWED_GITHUB_USERS: 'emil',
    },
    mcp: { PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
  }
  const starting = (['auth', 'mcp'] as const).flatMap((name) =>
    cluster[name].replicas.map((replica, at) => {
      const METRICS_PORT = `${metricsPorts[name === 'auth' ? at : at + 2]}`
      return replica.start({ env: { ...own[name], METRICS_PORT, DATA_DIR: join(dataDir, `${name}-${at}`) } })
    }),
  )
  const started = await Promise.allSettled(starting)
  const failed = started.find((one) => one.status === 'rejected')
  if (failed) {
    await dispose()
    throw failed.reason
  }
  const kept = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '')
  return {
    cluster,
    folder,
    github,
    machines,
    toLedger,
    toGitHub,
    ledger,
    heardByRedis,
    sentTo: (command) => kept(`sent-to-${command}`).split('\n').filter(Boolean),
    surroundingsOf: (command) => kept(`surroundings-of-${command}`),
    secrets,
    metricsUrls: metricsPorts.map((port) => `http://127.0.0.1:${port}/metrics`),
    dataDir,
    rewrite,
    restore: () => {
      // not the folder itself: a process works in it
      for (const name of readdirSync(join(folder, 'docs')))
        rmSync(join(folder, 'docs', name), { recursive: true, force: true })
      cpSync(join(example, 'docs'), join(folder, 'docs'), { recursive: true })
      cpSync(join(example, 'notes.jsonl'), join(folder, 'notes.jsonl'))
    },
    content: () => textOf(join(folder, 'docs')) + kept('notes.jsonl'),
    [Symbol.asyncDispose]: dispose,
  }
}

/** What the PATH of the gateway has: the commands, and before each what writes down what it is told. */
function wrapCommands(folder: string): void {
  mkdirSync(join(folder, 'bin'))
  for (const name of commands) {
    const path = join(folder, 'bin', programs[name])
    const program = join(folder, 'node_modules/.bin', programs[name])
    writeFileSync(
      path,
      `#!/bin/sh
{ env; printf '%s\\n' "$@"; } >> '${folder}/surroundings-of-${name}'
tee -a '${folder}/sent-to-${name}' | '${program}' "$@"
`,
    )
    chmodSync(path, 0o755)
  }
}

/** Names and content of all files below a folder. */
export function textOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))
    .sort((one, other) => one.path.localeCompare(other.path))
    .map(({ entry, path }) => `${path}\n${entry.isFile() ? readFileSync(path, 'latin1') : ''}`)
    .join('\n')
}
