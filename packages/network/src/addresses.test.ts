import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { isPrivateAddress, safeUrl } from './addresses.ts'

verifies('K1', 'an address from a server is used only if it is https, or http on this computer', () => {
  for (const unsafe of [
    'javascript:alert(1)',
    'file:///etc/passwd',
    'a:$(cmd)',
    'data:text/html,x',
    'vscode://open',
    'http://example.com/device',
    'http://127.0.0.1.example.com/',
    'http://localhost.example.com/',
    'https://github.com@evil.example/device',
    'not an address',
    '',
  ]) {
    expect(() => safeUrl(unsafe, 'verification_uri'), unsafe).toThrow(
      expect.objectContaining({ code: 'unsafe_address' }),
    )
  }
  for (const safe of [
    'https://example.com/device',
    'http://localhost:4000/device',
    'http://127.1.2.3/',
    'http://[::1]:4/',
  ]) {
    expect(safeUrl(safe, 'verification_uri').href).toBe(new URL(safe).href)
  }
})

verifies('K1', 'an address that is shown holds no character a shell or a terminal acts on', () => {
  expect(safeUrl('https://example.com/`id`\u001b[2J\u202e"', 'verification_uri').href).toMatch(/^[\w:/.%[-]+$/)
})

test('private, loopback, link-local and translated addresses are told from public ones', () => {
  for (const address of [
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '127.0.0.53',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
  ]) {
    expect(isPrivateAddress(address), address).toBe(true)
  }
  for (const address of ['::1', '::', 'fd00::1', 'fe80::1', '::ffff:10.0.0.1', '64:ff9b::a00:1']) {
    expect(isPrivateAddress(address), address).toBe(true)
  }
  for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111', 'example.com']) {
    expect(isPrivateAddress(address), address).toBe(false)
  }
})
