// What is recorded. It is decided once for each request from outside, and all that belongs to it follows. A stranger's flag
// may keep something from being recorded, where the sampler is "parent-based", and never brings it about.
import { randomBytes } from 'node:crypto'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import type { TracingSettings } from './settings.ts'

export function createSampler({ kind, ratio, isParentBased }: TracingSettings['sampler']): Sampler {
  const off = new AlwaysOffSampler()
  if (kind === 'always_off') return off
  const root = kind === 'always_on' ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(ratio)
  const forStrangers = kind === 'always_on' ? root : atRandom(root)
  return new ParentBasedSampler({
    root,
    remoteParentSampled: forStrangers,
    remoteParentNotSampled: isParentBased ? off : forStrangers,
  })
}

/** A stranger chooses the trace id as well: by it alone they could have everything recorded. */
function atRandom(sampler: Sampler): Sampler {
  return {
    shouldSample: (context, _traceId, ...rest) =>
      sampler.shouldSample(context, randomBytes(16).toString('hex'), ...rest),
    toString: () => `AtRandom{${sampler.toString()}}`,
  }
}
