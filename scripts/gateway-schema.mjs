// Writes docs/gatehouse.schema.json from the definition of the file that both services read. From the source:
// node --conditions=gatehouse-source scripts/gateway-schema.mjs
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gatewayFileSchema } from '../packages/shared/src/gateway-file/schema.ts'
import { runChild } from './child.mjs'

const root = join(import.meta.dirname, '..')
const file = join(root, 'docs/gatehouse.schema.json')
writeFileSync(file, `${JSON.stringify(gatewayFileSchema(), undefined, 2)}\n`)
await runChild(process.execPath, [join(root, 'node_modules/@biomejs/biome/bin/biome'), 'format', '--write', file], {
  cwd: root,
  stdio: 'inherit',
})
