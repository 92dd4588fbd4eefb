import { verifies } from '@gatehouse/testing'
import { at, createDoctorWeb, type DoctorWeb, json, page } from '@gatehouse/testing/doctor-web'
import { expect, test } from 'vitest'
import { everyClient } from './clients.ts'
import { type ExamineOptions, examine } from './examine.ts'

const publicAddress = async () => ['93.184.216.34']

function examineWeb(web: DoctorWeb, options: Partial<ExamineOptions> = {}) {
  return examine({
    start: new URL(at.mcp),
    fetch: web.fetch,
    lookup: publicAddress,
    clock: { now: () => 0 },
    register: 'one',
    ...options,
  })
}

const bodiesAt = (web: DoctorWeb, what: string) => {
  const bodies: Record<string, unknown>[] = []
  const good = web.answers.get(what)
  web.answers.set(what, (request) => {
    bodies.push(JSON.parse(request.body))
    return good?.(request) ?? json({}, 404)
  })
  return bodies
}

test('one client is registered and deleted again, with --register each of them, with --no-register none', async () => {
  for (const [register, names] of [
    ['none', []],
    ['one', ['Visual Studio Code']],
    ['all', ['Claude', 'ChatGPT', 'Visual Studio Code', 'Cursor', 'MCP Inspector']],
  ] as const) {
    const web = createDoctorWeb()
    const bodies = bodiesAt(web, `POST ${at.register}`)
    const { leftBehind, clients } = await examineWeb(web, { register })
    expect(bodies.map(({ client_name }) => client_name)).toEqual(names)
    expect(web.asked.filter((what) => what.startsWith('DELETE'))).toHaveLength(names.length)
    expect(leftBehind).toEqual([])
    expect(clients.filter(({ tried }) => tried)).toHaveLength(names.length)
  }
})

test('bodies are those that clients send', async () => {
  const web = createDoctorWeb()
  const bodies = bodiesAt(web, `POST ${at.register}`)
  await examineWeb(web, { register: 'all' })
  const [claude, , vsCode, cursor, inspector] = bodies
  expect(claude).toMatchObject({ token_endpoint_auth_method: 'client_secret_post', scope: 'read' })
  expect(vsCode).toMatchObject({ application_type: 'native', grant_types: web.server.grant_types_supported })
  expect(vsCode?.redirect_uris).toContain('http://127.0.0.1:33418/')
  expect(cursor?.redirect_uris).toEqual([
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'https://www.cursor.com/agents/mcp/oauth/callback',
    'http://localhost:8787/callback',
  ])
  expect(inspector?.redirect_uris).toEqual(['http://127.0.0.1:6276/oauth/callback'])
})

test('what cannot be deleted again is told, and the token for it goes to no other origin', async () => {
  const web = createDoctorWeb()
  web.registration.registration_client_uri = 'https://elsewhere.example/c1'
  expect((await examineWeb(web)).leftBehind).toEqual([{ name: 'VS Code', clientId: 'c1' }])
  expect(web.asked.filter((what) => what.startsWith('DELETE'))).toEqual([])
  web.registration.registration_client_uri = undefined
  expect((await examineWeb(web)).leftBehind).toHaveLength(1)
})

test('each client is judged by what it does: a refused registration stops only those that register', async () => {
  const web = createDoctorWeb()
  web.answers.set(`POST ${at.register}`, () => json({ error: 'invalid_client_metadata' }, 400))
  const { clients, findings } = await examineWeb(web, { register: 'all' })
  expect(clients.map(({ name, identification, stoppedBy }) => [name, identification, stoppedBy])).toEqual([
    ['Claude', 'document', []],
    ['ChatGPT', 'document', []],
    ['VS Code', 'document', []],
    ['Cursor', 'registration', ['registration-refused']],
    ['Inspector', 'registration', ['registration-refused']],
  ])
  const ofClaude = findings.find(({ stops }) => stops.includes('Claude'))
  expect(ofClaude?.fix).toContain('client_secret_post')
})

test('Claude uses its document only where the server takes clients without a secret', async () => {
  const web = createDoctorWeb()
  web.server.token_endpoint_auth_methods_supported = ['client_secret_post']
  const claude = async () => (await examineWeb(web)).clients[0]
  expect(await claude()).toMatchObject({ identification: 'registration', stoppedBy: [] })
  web.server.registration_endpoint = undefined
  expect(await claude()).toMatchObject({ identification: 'given', stoppedBy: ['documents-without-none'] })
})

test('a resource of another origin stops every client, another path those that compare it whole', async () => {
  const web = createDoctorWeb()
  const stops = async (resource: string) => {
    web.resource.resource = resource
    return (await examineWeb(web)).findings.find(({ id }) => id === 'resource-differs')?.stops
  }
  expect(await stops('https://mcp.example')).toEqual(['Claude', 'VS Code'])
  expect(await stops('https://other.example/mcp')).toEqual(everyClient)
  expect(await stops('http://mcp.example/mcp')).toEqual(everyClient)
  expect(await stops('HTTPS://MCP.example/mcp')).toBeUndefined()
})

test('an address under which nothing is, or another name, is answered with the one that the metadata names', async () => {
  for (const [status, id] of [
    [404, 'not-found'],
    [421, 'wrong-host'],
  ] as const) {
    const web = createDoctorWeb()
    const fix = async () => (await examineWeb(web)).findings.find((finding) => finding.id === id)?.fix
    web.answers.set(`POST ${at.mcp}`, () => json({}, status))
    expect(await fix()).not.toContain('https://')
    web.resource.resource = 'https://mcp.example/team/mcp'
    expect(await fix()).toBe('Give people the address that its metadata names: https://mcp.example/team/mcp')
  }
})

test('a page of HTML in the place of a document stops clients only if they come by there first', async () => {
  const web = createDoctorWeb()
  const stops = async () => (await examineWeb(web)).findings.find(({ id }) => id === 'html-instead-of-json')?.stops
  web.answers.set(`GET ${at.root}`, () => page())
  expect(await stops()).toEqual([])
  web.answers.set(`GET ${at.rfc8414}`, () => page())
  web.answers.delete(`GET ${at.root}`)
  expect(await stops()).toEqual(everyClient)
})

test('a server that refuses pages everywhere is examined without them', async () => {
  const web = createDoctorWeb()
  for (const [what, good] of [...web.answers]) {
    web.answers.set(what, (request) => (request.headers.has('origin') ? page(403) : good(request)))
  }
  const { findings, clients } = await examineWeb(web)
  expect(new Set(findings.map(({ severity }) => severity))).toEqual(new Set(['warning', 'note']))
  expect(clients.every(({ stoppedBy }) => stoppedBy.length === 0)).toBe(true)
})

test('a server of the time before RFC 9728 is examined by what is on its own host', async () => {
  const web = createDoctorWeb()
  for (const place of [at.inserted, at.root, at.rfc8414, at.openid]) web.answers.delete(`GET ${place}`)
  web.challenge.resource_metadata = undefined
  web.server.issuer = 'https://mcp.example'
  const { issuer, findings } = await examineWeb(web)
  expect(issuer).toBe('https://mcp.example')
  expect(findings.map(({ id }) => id)).toContain('no-resource-metadata')
  expect(findings.map(({ id }) => id)).not.toContain('no-server-metadata')
})

test('an endless stream without a token is not read, and a flood of bytes ends the reading', async () => {
  const web = createDoctorWeb()
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1024)) })
  web.answers.set(`POST ${at.mcp}`, () => new Response(endless, { headers: { 'content-type': 'text/event-stream' } }))
  const flood = () => new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)) })
  web.answers.set(`GET ${at.root}`, () => new Response(flood()))
  const { findings } = await examineWeb(web)
  expect(findings).toContainEqual(
    expect.objectContaining({ id: 'unavailable', what: expect.stringContaining('larger than 128 KiB') }),
  )
})

test('a server that is not there at all is an error, not a finding', async () => {
  const fetch = async () => {
    throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) })
  }
  await expect(examineWeb(createDoctorWeb(), { fetch })).rejects.toMatchObject({ code: 'unreachable' })
})

verifies('K1', 'an address in the metadata that is no safe one is told and never asked', async () => {
  for (const unsafe of ['javascript:alert(1)', 'file:///etc/passwd', 'http://auth.example/token', 'a:$(touch x)']) {
    const web = createDoctorWeb()
    web.server.token_endpoint = unsafe
    web.server.registration_endpoint = unsafe
    web.challenge.resource_metadata = unsafe
    const { findings } = await examineWeb(web)
    expect(findings.filter(({ id }) => id === 'unsafe-address').length, unsafe).toBeGreaterThanOrEqual(2)
    expect(
      web.asked.filter((what) => !what.includes(' https://')),
      unsafe,
    ).toEqual([])
  }
})

verifies(
  'K6',
  'a public server cannot make the doctor ask private addresses, by name, number or redirect',
  async () => {
    const web = createDoctorWeb()
    web.resource.authorization_servers = ['https://inside.example']
    web.challenge.resource_metadata = 'https://169.254.169.254/latest'
    web.answers.set(
      `GET ${at.root}`,
      () => new Response(null, { status: 302, headers: { location: 'https://10.0.0.1/' } }),
    )
    const { findings } = await examineWeb(web, {
      lookup: async (host) => (host === 'inside.example' ? ['10.0.0.7'] : ['93.184.216.34']),
    })
    expect(findings.filter(({ id }) => id === 'unsafe-address').map(({ what }) => what)).toEqual([
      expect.stringContaining('https://169.254.169.254/latest was not asked'),
      expect.stringContaining(`${at.root} was not asked`),
      expect.stringContaining('https://inside.example'),
      expect.stringContaining('https://inside.example'),
    ])
    expect(web.asked.filter((what) => !what.includes(' https://mcp.example'))).toEqual([])
  },
)

verifies('K3', 'what the server says is cleaned and cut in the findings', async () => {
  const web = createDoctorWeb()
  const hostile = `x\u001b[2J\u202e\n${'y'.repeat(5000)}`
  web.resource.resource = hostile
  web.server.issuer = hostile
  web.registration.client_id = hostile
  web.registration.registration_client_uri = undefined
  web.answers.set(`POST ${at.token}`, () => json({ error: hostile }, 400))
  const diagnosis = await examineWeb(web)
  const texts = [...diagnosis.findings.map(({ what }) => what), ...diagnosis.leftBehind.map(({ clientId }) => clientId)]
  expect(texts.length).toBeGreaterThan(3)
  for (const text of texts) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/)
    expect(text.length).toBeLessThanOrEqual(400)
  }
})
