import { expect, test } from 'vitest'
import { readChallenge } from './www-authenticate.ts'

test('the Bearer challenge is found among others, with its parameters, however they are written', () => {
  expect(readChallenge('Bearer resource_metadata="https://a/b", scope="read call"')).toEqual({
    scheme: 'Bearer',
    parameters: { resource_metadata: 'https://a/b', scope: 'read call' },
  })
  expect(readChallenge('Basic realm="x, y", bearer error=invalid_token,scope="a"')).toEqual({
    scheme: 'bearer',
    parameters: { error: 'invalid_token', scope: 'a' },
  })
  expect(readChallenge('Bearer realm="say \\"hi\\", please"')?.parameters.realm).toBe('say "hi", please')
  expect(readChallenge('Bearer')).toEqual({ scheme: 'Bearer', parameters: {} })
  expect(readChallenge('DPoP algs="ES256", Bearer')?.scheme).toBe('Bearer')
  expect(readChallenge(null)).toBeUndefined()
  expect(readChallenge(' ')).toBeUndefined()
})
