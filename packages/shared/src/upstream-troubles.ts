import { z } from 'zod'

/** The member of `_meta` in the result of `tools/list` under which a gateway says which of its servers are in trouble. */
export const upstreamTroublesMember = 'dev.gatehouse/upstreams'

/** `fault`: what kind of trouble, in one word; a newer gateway may know more of them. */
export const upstreamTroubles = z.array(z.object({ upstream: z.string(), fault: z.string() }))

export type UpstreamTrouble = z.infer<typeof upstreamTroubles>[number]
