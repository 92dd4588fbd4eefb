// How often somebody may ask, as it is written in the file.
import { z } from 'zod'
import { selector } from './rule-definition.ts'
import { strict } from './strict.ts'
import { count, rate } from './values.ts'

export const limits = strict({
  caller: rate.optional().meta({
    description: 'Requests of one person or machine, by whichever app and at whichever endpoint: 600/min.',
  }),
  client: rate.optional().meta({ description: 'Requests of one app, by all its people together.' }),
  tool: z.record(selector('name'), rate).default({}).meta({
    description:
      'Calls of one person or machine: by upstream/name, a glob over the own names of its tools, which share the limit.',
  }),
  parked: count(1_000, 10).meta({ description: 'Calls of one caller that wait for an answer at once.' }),
})
