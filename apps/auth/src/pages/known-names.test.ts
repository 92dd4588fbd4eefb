import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { imitates } from './known-names.ts'

verifies('D20', 'a name that looks like a well-known one is noticed, in whatever letters it is written', () => {
  for (const name of [
    'Claude',
    'Claude Code (official)',
    'G i t H u b',
    'ＧｉｔＨｕｂ',
    'ＧＩＴＨＵＢ CLI',
    'Сlаudе', // four Cyrillic letters
    'Anthrοpic', // a Greek one
    'Ópen-AI',
    'G00gle',
    'Mıcrosoft',
    '𝐂𝐡𝐚𝐭𝐆𝐏𝐓',
    'Gatehouse',
    'Verified by everybody',
    'Git\u3164Hub',
    'ɢɪᴛʜᴜʙ Cᴏᴘɪʟᴏᴛ',
    'ᴡɪɴᴅꜱᴜʀꜰ',
    'Slacĸ',
  ]) {
    expect(imitates(name, undefined), name).toBe(true)
  }
})

test('an ordinary name is not', () => {
  for (const name of ['Recipe box', 'Weather app', 'מתכונים של אמא', '', undefined]) {
    expect(imitates(name, undefined), name).toBe(false)
  }
})

test('a well-known name may be used by the hosts that it belongs to, and by no other', () => {
  expect(imitates('Claude', 'claude.ai')).toBe(false)
  expect(imitates('Claude', 'www.claude.ai')).toBe(false)
  expect(imitates('Claude', 'notclaude.ai')).toBe(true)
  expect(imitates('Claude', 'claude.ai.evil.example')).toBe(true)
  expect(imitates('Claude for GitHub', 'claude.ai')).toBe(true)
})
