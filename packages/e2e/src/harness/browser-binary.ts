// The program file of the browser: what CHROMIUM_PATH names, else the one inside an npm package, unpacked once into
// the repository's cache. The package unpacks into whatever the temporary folder is, and takes a half-written file
// for a whole one; so it unpacks into a folder of its own, which gets its name when it is complete.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Not that of @gatehouse/testing: this runs where packages may not be built yet. */
const repository = join(import.meta.dirname, '../../../..')

export interface Browser {
  readonly executablePath: string
  /** What FONTCONFIG_PATH is to name: the fonts that came with the browser, the same on every machine. */
  readonly fonts?: string
}

export async function prepareBrowser(): Promise<Browser> {
  if (process.env.CHROMIUM_PATH) return { executablePath: process.env.CHROMIUM_PATH }
  const folder = join(repository, '.cache', `chromium-${packageVersion()}`)
  if (!existsSync(folder)) await unpack(folder)
  return { executablePath: join(folder, 'chromium'), fonts: join(folder, 'fonts') }
}

// The one that is unpacked looks in /tmp and two more places. Without any font text has no size, and nothing is visible.
const fontsBesideThisFile = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
</fontconfig>
`

async function unpack(folder: string): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true })
  const temporary = mkdtempSync(`${folder}.`)
  const { TMPDIR } = process.env
  try {
    process.env.TMPDIR = temporary
    const { default: chromium } = await import('@sparticuz/chromium')
    await chromium.executablePath()
    writeFileSync(join(temporary, 'fonts', 'fonts.conf'), fontsBesideThisFile)
    renameSync(temporary, folder)
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
    rmSync(temporary, { recursive: true, force: true })
  }
}

function packageVersion(): string {
  const main = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const { version } = JSON.parse(readFileSync(join(dirname(main), '..', 'package.json'), 'utf8')) as { version: string }
  return version
}
