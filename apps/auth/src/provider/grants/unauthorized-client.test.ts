// What is wrong besides with a request of a client that is not registered for its grant.
import { expect, test } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { basic, deviceGrant, website } from '../../harness/clients.ts'
import { errorOf, refused } from '../../harness/flows.ts'

const invalidRequest = refused(400, 'invalid_request')
const unauthorized = refused(400, 'unauthorized_client')
const token = { grant_type: deviceGrant, device_code: 'x' }
const foreign = { origin: 'https://evil.example' }

test('a page of another origin learns nothing of what the client may', async () => {
  await using server = await startAuthServer()
  for (const [path, fields] of [
    ['/token', token],
    ['/device_authorization', {}],
  ] as const) {
    expect([path, errorOf(await server.post(path, fields, basic(website)))]).toEqual([path, unauthorized])
    const answer = await server.post(path, fields, { ...basic(website), ...foreign })
    expect([path, errorOf(answer)]).toEqual([path, invalidRequest])
  }
})

test('a parameter that comes twice is told before the grant of a device request, and after that of a token request', async () => {
  await using server = await startAuthServer()
  const twice = (name: string) => [name, name].map((each): [string, string] => [each, 'x'])
  expect(errorOf(await server.post('/device_authorization', twice('scope'), basic(website)))).toEqual(invalidRequest)
  expect(errorOf(await server.post('/device_authorization', twice('unknown'), basic(website)))).toEqual(unauthorized)
  const fields: [string, string][] = [['grant_type', deviceGrant], ...twice('device_code')]
  expect(errorOf(await server.token(fields, basic(website)))).toEqual(unauthorized)
})

test('a wrong secret is a wrong secret, whatever the client may', async () => {
  await using server = await startAuthServer()
  const wrong = basic({ ...website, client_secret: 'not the secret of the website' })
  for (const [path, fields] of [
    ['/token', token],
    ['/device_authorization', {}],
  ] as const)
    expect([path, errorOf(await server.post(path, fields, wrong))]).toEqual([path, refused(401, 'invalid_client')])
})
