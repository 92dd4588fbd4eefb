// What tokens cost that no device waits for: those of a machine, and those that are renewed.
import { bareName, sampleClientCredentials } from './client-credentials.ts'
import { profiled } from './gateways.ts'
import { type Measurement, OptionError } from './measurement.ts'
import { sampleRefreshes } from './refreshes.ts'
import { compare } from './statistics.ts'

const rounds = { warmUp: 6, rounds: 8 }

/** What a token request costs whose answer is a JWT that ES256 signs. */
export const tokens: Measurement = {
  about: 'what tokens cost: client_credentials, and refresh tokens that rotate, beside oidc-provider alone and others',
  options: ['--profile   leaves a processor profile of each Gatehouse in test-output/profiles'],
  async run(say, options) {
    const [option, ...rest] = options
    if (rest.length > 0 || (option !== undefined && option !== '--profile'))
      throw new OptionError('tokens takes --profile alone')
    const node = option ? profiled : []
    const rows = {
      client_credentials: compare(await sampleClientCredentials(say, rounds, node), bareName),
      refresh: compare(await sampleRefreshes(say, rounds, node), bareName),
    }
    return Object.entries(rows).flatMap(([kind, ofKind]) => ofKind.map((row) => ({ ...row, of: `${kind}, ${row.of}` })))
  },
}
