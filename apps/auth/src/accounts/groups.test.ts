import { expect, test } from 'vitest'
import { createGroups, domainOf } from './groups.ts'

const { of } = createGroups([{ name: 'finance', members: [{ kind: 'emailDomain', name: 'finance.example.com' }] }])
const groupsOf = (email: string) => of({ subject: 'oidc:corp:eve', label: 'eve', facts: { email, checkedAt: 0 } })

test('a domain is compared as it is, in lower case and punycode', () => {
  expect(groupsOf('ada@Finance.Example.com')).toEqual(['finance'])
  expect(domainOf('ada@bücher.example')).toBe('xn--bcher-kva.example')
  expect(groupsOf('ada@sub.finance.example.com')).toEqual([])
})

test.each(['#x.example.org', '?x.example.org', '/x.example.org', '\\x.example.org', ':1', '%2e'])(
  'what only a URL would end at is no end of a domain: %s',
  (more) => {
    expect(groupsOf(`eve@finance.example.com${more}`)).toEqual([])
    expect(groupsOf('eve@finance%2eexample.com')).toEqual([])
    expect(domainOf(`eve@finance.example.com${more}`)).not.toBe('')
  },
)
