import { expect, test } from 'vitest'
import { type FakeReplicas, fakeReplicas } from './harness/fake-replicas.ts'
import { createPost, type Post, UnsentError } from './post.ts'
import { createSealedMail } from './sealed-mail.ts'

function scene() {
  const [here, there] = fakeReplicas(2) as [FakeReplicas, FakeReplicas]
  const mail = createSealedMail(['a secret for tests, and for nothing else'])
  const heard: object[] = []
  const errors: string[] = []
  const posts = [here, there].map((replicas) =>
    createPost({
      replicas,
      mail,
      onMessage: (_from, message) => void heard.push(message),
      onerror: ({ message }) => void errors.push(message),
    }),
  ) as [Post, Post]
  return { here, there, post: posts[0], heard, errors }
}

const forLong = 10_000

test('messages arrive as they were, large ones too', async () => {
  const { post, heard, here } = scene()
  const large = { text: 'é'.repeat(700_000) }
  await post.send('r1', { a: 1 }, forLong)
  await post.send('r1', large, forLong)
  expect(heard).toEqual([{ a: 1 }, large])
  expect(here.sent.length).toBeGreaterThan(3)
})

test('a message that comes again by another hand is not read again', async () => {
  const { post, heard, errors, here, there } = scene()
  for (const n of [1, 2]) await post.send('r1', { n }, forLong)
  for (const { value } of here.sent) there.deliver({ from: 'r0', value, age: 0 })
  expect(heard).toEqual([{ n: 1 }, { n: 2 }])
  expect(errors).toHaveLength(2)
  const [first] = here.sent
  if (first) there.deliver({ from: 'r9', value: first.value, age: 0 })
  expect(heard, 'nor in another name').toHaveLength(2)
})

test('who has another name is written to from the first letter on', async () => {
  const { post, heard, there } = scene()
  for (const n of [1, 2]) await post.send('r1', { n }, forLong)
  Object.assign(there, { self: 'renamed' })
  await post.send('renamed', { n: 3 }, forLong)
  expect(heard).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
})

test('what did not have its turn in time, or is not wanted any more, is never sent', async () => {
  const { post, heard, here } = scene()
  const held = Promise.withResolvers<undefined>()
  here.before = () => held.promise
  const first = post.send('r1', { n: 1 }, forLong)
  const late = post.send('r1', { n: 2 }, 20)
  const over = new AbortController()
  const unwanted = post.send('r1', { n: 3 }, forLong, over.signal)
  const outcomes = Promise.allSettled([first, late, unwanted])
  await new Promise((resolve) => setTimeout(resolve, 50))
  over.abort()
  held.resolve(undefined)
  expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  await expect(late).rejects.toThrow(UnsentError)
  expect(heard).toEqual([{ n: 1 }])
})

test('of many large messages at once all arrive', async () => {
  const all = fakeReplicas(25)
  const [receiver, ...senders] = all as [FakeReplicas, ...FakeReplicas[]]
  const mail = createSealedMail(['a secret for tests, and for nothing else'])
  let heard = 0
  createPost({
    replicas: receiver,
    mail,
    onMessage: () => void heard++,
    onerror: (error) => expect.unreachable(String(error)),
  })
  const text = 'x'.repeat(600_000)
  await Promise.all(
    senders.map((replicas) => {
      replicas.before = () => new Promise((resolve) => setTimeout(() => resolve(undefined), 5))
      const post = createPost({ replicas, mail, onMessage: () => undefined, onerror: () => undefined })
      return post.send('r0', { text }, forLong)
    }),
  )
  expect(heard).toBe(24)
})
