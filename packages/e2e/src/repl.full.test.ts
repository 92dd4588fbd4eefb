// A replica that dies while a tool runs in it. Ten seconds, because that is for how long a replica that says nothing counts
// as alive.
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { enter, notificationsOn, startReplWorld, upTo } from './harness/repl.ts'

verifies(
  'X16',
  'what it said is on the screen once, the person learns that no more will come, and goes on',
  async () => {
    await using world = await startReplWorld()
    await using repl = await world.open()
    await enter(repl, 'start-notifications 200 100', /come while you go on/)
    await repl.says(/Notification 5 of 100/)
    await world.cluster.mcp.replicas[0]?.kill()
    world.door.lead(1)
    await enter(repl, 'greet Ada', /Hello, Ada!/)
    await repl.says(/The server that worked on this is gone: send the request again/, 60_000)
    const said = notificationsOn(repl, 100)
    expect(said.length).toBeGreaterThanOrEqual(5)
    expect(said).toEqual(upTo(said.length))
    await enter(repl, 'start-notifications 50 3', /Sent 3 notifications/)
  },
)
