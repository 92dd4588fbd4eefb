import { z } from 'zod'
import { definition } from './definition.ts'

/** JSON Schema (draft 7, which editors know) of what may be written. It cannot say everything that is checked. */
export function gatewayFileSchema(): object {
  return {
    title: 'Gatehouse: the file that GATEHOUSE_CONFIG names',
    ...z.toJSONSchema(definition, { target: 'draft-7', io: 'input' }),
  }
}
