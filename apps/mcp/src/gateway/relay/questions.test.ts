import { expect, test } from 'vitest'
import { RpcError } from '../upstreams/contract.ts'
import { checkedError, type QuestionTerms, questionFor } from './questions.ts'

const all = { form: true, url: true, roots: true, sampling: true }

function terms(given: Partial<QuestionTerms> = {}, questions: Partial<typeof all> = {}): QuestionTerms {
  return {
    capabilities: { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} },
    settings: { name: 'ledger', questions: { ...all, ...questions } },
    named: false,
    ownOrigins: ['https://login.example.com', 'https://mcp.example.com'],
    development: false,
    ...given,
  }
}

const url = (address: unknown) => ({
  method: 'elicitation/create',
  params: { mode: 'url', message: 'Sign in', url: address },
})
const form = { method: 'elicitation/create', params: { message: 'Your name?', requestedSchema: {}, unknown: 1 } }

test('what may be asked passes as it is', () => {
  expect(questionFor(form, terms())).toEqual(form)
  expect(questionFor(url('https://bank.example.com/a?b=c'), terms())).toEqual(url('https://bank.example.com/a?b=c'))
  expect(questionFor({ method: 'roots/list' }, terms())).toEqual({ method: 'roots/list' })
})

test.each([
  'http://bank.example.com/',
  'https://user@bank.example.com/',
  'https://user:password@bank.example.com/',
  'https://bank.example.com/\n',
  'https://bank.example.com/ x',
  'javascript:alert(1)',
  'data:text/html,x',
  'file:///etc/passwd',
  'http://localhost:1/',
  '//bank.example.com/',
  '',
  undefined,
  7,
])('nobody is sent to %j', (address) => {
  expect(() => questionFor(url(address), terms())).toThrow(/not let pass/)
})

test.each([
  'https://login.example.com/device?user_code=ABCD',
  'https://LOGIN.example.com:443/device',
  'https://mcp.example.com/x',
  'https://mcp.example.com./x',
])('nobody is sent to our own pages: %s', (address) => {
  expect(() => questionFor(url(address), terms())).toThrow(/own pages/)
})

test.each(['http://127.0.0.1:4000/device', 'http://[::1]:4000/device', 'http://localhost.:4000/device'])(
  'this machine has several names: %s',
  (address) => {
    const given = { development: true, ownOrigins: ['http://localhost:4000'] }
    expect(() => questionFor(url(address), terms(given))).toThrow(/own pages/)
  },
)

const required = (elicitations: unknown) => new RpcError(-32_042, 'Go there', { elicitations, more: 1 })

test('an address in an error is judged as one in a question is', () => {
  const fine = { mode: 'url', elicitationId: 'e', url: 'https://bank.example.com/', message: 'Sign in' }
  const error = checkedError(required([fine]), terms({ named: true }))
  expect(error).toMatchObject({ code: -32_042, message: 'Go there', data: { more: 1 } })
  expect(error.data).toMatchObject({ elicitations: [{ ...fine, message: 'ledger: Sign in' }] })
  for (const elicitations of [
    [fine, { ...fine, url: 'https://login.example.com/device' }],
    [{ ...fine, mode: 'form', url: 'https://login.example.com/device' }],
    ['https://login.example.com/device'],
    { url: 'https://login.example.com/device' },
    Array.from({ length: 11 }, () => fine),
  ]) {
    const refused = checkedError(required(elicitations), terms())
    expect(refused.code).toBe(-32_603)
    expect(JSON.stringify(refused.data) ?? '').not.toContain('login')
  }
  expect(checkedError(required([fine]), terms({}, { url: false })).message).toContain('questions.url is off')
  expect(checkedError(required([fine]), terms({ capabilities: {} })).code).toBe(-32_021)
  const other = new RpcError(-32_000, 'Theirs', { elicitations: 1 })
  expect(checkedError(other, terms())).toBe(other)
})

test('in development loopback may be plain http', () => {
  const address = url('http://localhost:8080/sign-in')
  expect(questionFor(address, terms({ development: true }))).toEqual(address)
  expect(() => questionFor(url('http://bank.example.com'), terms({ development: true }))).toThrow(/not let pass/)
})

test('nothing else is asked, whatever the client knows', () => {
  const all = terms({ capabilities: { tasks: { requests: {} }, elicitation: {} } })
  for (const method of ['tasks/result', 'tasks/get', 'ping', 'com.example/odd'])
    expect(() => questionFor({ method, params: { taskId: 't' } }, all)).toThrow(
      expect.objectContaining({ code: -32_601 }),
    )
  const params = { message: 'Your name?', requestedSchema: {}, task: { ttl: 1 } }
  expect(questionFor({ method: 'elicitation/create', params }, all).params).not.toHaveProperty('task')
})

test('with several upstreams the message says whose it is', () => {
  expect(questionFor(form, terms({ named: true })).params?.message).toBe('ledger: Your name?')
})

test.each([
  ['form', form],
  ['url', url('https://bank.example.com/')],
  ['roots', { method: 'roots/list' }],
  ['sampling', { method: 'sampling/createMessage', params: {} }],
])('what the file turns off is not asked: %s', (name, question) => {
  expect(() => questionFor(question, terms({}, { [name]: false }))).toThrow(`questions.${name} is off`)
})

test('a client is asked what it said it can be asked', () => {
  const code = -32_021
  const cases = [
    [form, {}],
    [form, { elicitation: { url: {} } }],
    [url('https://bank.example.com/'), { elicitation: {} }],
    [{ method: 'sampling/createMessage' }, {}],
    [{ method: 'roots/list' }, {}],
  ] as const
  for (const [question, capabilities] of cases) {
    expect(() => questionFor(question, terms({ capabilities }))).toThrow(expect.objectContaining({ code }))
  }
  expect(questionFor(form, terms({ capabilities: { elicitation: {} } }))).toEqual(form)
})
