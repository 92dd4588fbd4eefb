import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { safeUrl } from './addresses.ts'

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
