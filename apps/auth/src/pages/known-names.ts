// An app names itself. Here are names that people trust on sight, and the hosts that may vouch for them. The list
// cannot be complete and decides nothing but how loudly the page says that a name is only a claim.

const known: readonly { readonly names: readonly string[]; readonly hosts: readonly string[] }[] = [
  { names: ['gatehouse'], hosts: [] },
  { names: ['github', 'copilot'], hosts: ['github.com', 'githubcopilot.com', 'microsoft.com'] },
  { names: ['gitlab'], hosts: ['gitlab.com'] },
  { names: ['google', 'gemini'], hosts: ['google.com', 'google.dev', 'gemini.google.com'] },
  { names: ['microsoft', 'visualstudio', 'vscode'], hosts: ['microsoft.com', 'vscode.dev', 'visualstudio.com'] },
  { names: ['anthropic', 'claude'], hosts: ['anthropic.com', 'claude.ai', 'claude.com'] },
  { names: ['openai', 'chatgpt', 'codex'], hosts: ['openai.com', 'chatgpt.com'] },
  { names: ['cursor'], hosts: ['cursor.com', 'cursor.sh'] },
  { names: ['windsurf'], hosts: ['windsurf.com'] },
  { names: ['cloudflare'], hosts: ['cloudflare.com'] },
  { names: ['mistral'], hosts: ['mistral.ai'] },
  { names: ['perplexity'], hosts: ['perplexity.ai'] },
  { names: ['slack'], hosts: ['slack.com'] },
  // Not names, but what the page itself says of an app.
  { names: ['verified', 'official', 'trusted', 'administrator'], hosts: [] },
]

/** Whether the name makes use of a well-known one and the host, if any, is not one of those it belongs to. */
export function imitates(name: string | undefined, verifiedHost: string | undefined): boolean {
  const seen = skeleton(name ?? '')
  return known.some(
    ({ names, hosts }) =>
      names.some((taken) => seen.includes(taken)) && !hosts.some((host) => isWithin(verifiedHost, host)),
  )
}

function isWithin(host: string | undefined, domain: string): boolean {
  return host === domain || host?.endsWith(`.${domain}`) === true
}

/** Letters and digits that look like these Latin ones: of other scripts, small capitals, with a stroke. In lower case. */
const lookalikes: readonly (readonly [letter: string, from: string])[] = [
  ['a', 'аαɑ4ᴀꭺꓮ'],
  ['b', 'ьƅ8ʙƀᏼꓐ'],
  ['c', 'сϲᴄꮯꓚ'],
  ['d', 'ԁɗᴅđðꭰꓓ'],
  ['e', 'еεєҽ3ᴇᥱꭼꓰ'],
  ['f', 'ꜰƒꓝ'],
  ['g', 'ɡցǥ9ɢꮐꓖ'],
  ['h', 'һհнʜħꮋꓧ'],
  ['i', 'іιıɩ1ɪɨꭵꓲ'],
  ['k', 'кκᴋĸꮶꓗ'],
  ['l', 'ӏɭ|ʟłꮮꓡ'],
  ['m', 'мɱᴍꮇꓟ'],
  ['n', 'ոпɴꓠ'],
  ['o', 'оοօσ0ᴏøꓳ'],
  ['p', 'рρᴘꮲꓑ'],
  ['r', 'гɾʀꮢꓣ'],
  ['s', 'ѕꜱ5ꮪꓢ'],
  ['t', 'тτ7ᴛŧꭲꓔ'],
  ['u', 'υսцʋᴜꓴ'],
  ['v', 'ѵνᴠꮩꓦ'],
  ['w', 'ԝωᴡꮃꓪ'],
  ['x', 'хχꓫ'],
  ['y', 'уүγʏꭹꓬ'],
]

const latin = new Map(lookalikes.flatMap(([letter, from]) => [...from].map((other) => [other, letter] as const)))

/** What is read where an l and an i look the same. */
export function readAs(name: string): string {
  return skeleton(name).replace(/l/g, 'i')
}

/** What the eye takes the name for: no case, no accents, no gaps, l like i, everything that looks Latin made Latin. */
function skeleton(name: string): string {
  const folded = name.normalize('NFKD').toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '')
  const mapped = Array.from(folded, (character) => latin.get(character) ?? character).join('')
  // some letters are never seen: Hangul fillers
  return mapped.replace(/[^\p{L}\p{N}]|\p{Default_Ignorable_Code_Point}/gu, '')
}
