import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { appName, claimsOurWord } from './app-name.ts'

const shown = (name: string, trusted = false) => appName({ name, trusted })

verifies('D20', 'a name that reads as if somebody here vouched for the app is not shown', () => {
  for (const name of [
    'Pub A ✔ Added by an administrator',
    'Pub A (added by the admin)',
    'Verified: claude.ai',
    'Pub A · Verlfied',
    'ＶＥＲＩＦＩＥＤ app',
    'V е r і f і e d', // Cyrillic letters among them
    'Approved by IT',
    'Trusted\u200bBy your company',
    'Vouched for by GitHub',
    'Administrator',
    'ᴠᴇʀɪꜰɪᴇᴅ', // small capitals
    'ᴀᴘᴘʀᴏᴠᴇᴅ ʙʏ ɪᴛ',
    'Verifieđ',
    'Vᥱrifiᥱd',
    'Ꮩerified',
    'ꓦꓰꓣꓲꓝꓲꓰꓓ', // Lisu letters
  ]) {
    expect([name, claimsOurWord(name), shown(name)]).toEqual([name, true, undefined])
  }
})

verifies('D20', 'what is taken out of a name before it is shown hides no word in it', () => {
  for (const hidden of ['\u115f', '\u1160', '\u3164', '\uffa0', '\u00ad', '\u{e0041}', '™', '℠', '㎏', 'Ⓥ', '✔'])
    for (const name of [`Pub, verI${hidden}fied by us`, `Appro${hidden}ved by IT`])
      expect([hidden, claimsOurWord(name), shown(name)]).toEqual([hidden, true, undefined])
  expect(shown(`${'✔'.repeat(5_000)}Verified`)).toBeUndefined()
})

verifies('D20', 'check marks and other pictures are taken out of a name', () => {
  for (const mark of ['✔', '✓', '✅', '☑️', '🗸', '🛡️', '🔒', '⭐', '√', '®', '👍🏽', '🇩🇪', '1️⃣'])
    expect([mark, shown(`Pub ${mark}`)?.replace('1', '').trim()]).toEqual([mark, 'Pub'])
  expect(shown('✔✅')).toBeUndefined()
})

test('other names stay as they are, and so does what the operator calls an app', () => {
  for (const name of [
    'Recipe box',
    'Designed by Ada',
    'C++ & Friends | 2',
    'Ünïted – «Tools»',
    '日本語',
    'AT&T (beta)',
    'Loaded by hand',
  ])
    expect([name, claimsOurWord(name), shown(name)]).toEqual([name, false, name])
  expect(shown('Administrator ✔', true)).toBe('Administrator ✔')
})
