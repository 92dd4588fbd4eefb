// The resources of the demonstration: all there are. What a resource is, is in resource.ts.
import { greetingResource } from './greeting-resource.ts'
import type { Resource } from './resource.ts'

/** Every resource of this server, in the order in which it is listed. */
export const resources: readonly Resource[] = [greetingResource]
