// Bodies that are begun and never end, on more connections than there is memory for.
import { connect, type Socket } from 'node:net'
import { verifies } from '@gatehouse/testing'
import { expect, vi } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { deviceGrant, terminal } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, logInOnDevice } from '../harness/flows.ts'
import { encodeForm } from '../harness/http.ts'
import { bodyRoom } from './bodies-under-way.ts'

const bodyLength = 56 * 1024
const patient = { timeout: 10_000 }

/** A connection that begins a form, and what it is answered. */
function begin(port: number, issuer: string, network: number, opened: Socket[]): { readonly answer: () => string } {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (data) => (answer += data)).on('error', () => undefined)
  const from = `203.0.${network}.7`
  const head = `POST /token HTTP/1.1\r\nHost: ${new URL(issuer).host}\r\nX-Forwarded-For: ${from}`
  socket.write(`${head}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${bodyLength}\r\n\r\na`)
  opened.push(socket)
  return { answer: () => answer }
}

verifies(
  'M17',
  'bodies that never end have room for a network and for the process, and what is done gives its room back',
  async () => {
    await using server = await startAuthServer({ environment: { TRUST_PROXY: '127.0.0.1', AUTH_DEV_LOGIN: 'true' } })
    const opened: Socket[] = []
    const fits = Math.floor(bodyRoom.perNetwork / bodyLength)
    const statusOf = (answer: string) => /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]
    const tried = Array.from({ length: fits + 5 }, () => begin(server.port, server.issuer, 1, opened))
    await vi.waitFor(() => expect(tried.filter(({ answer }) => statusOf(answer()) === '429')).toHaveLength(5), patient)
    expect(await logInOnDevice(server), 'others are served').toHaveProperty('access_token')

    for (const socket of opened.splice(0)) socket.destroy()
    const again = await vi.waitFor(async () => {
      const one = begin(server.port, server.issuer, 1, opened)
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(one.answer(), 'it is waited for the rest of the body').toBe('')
      return one
    }, patient)
    expect(again.answer()).toBe('')

    const networks = Math.floor(bodyRoom.total / bodyRoom.perNetwork)
    const all = Array.from({ length: networks + 1 }, (_, n) =>
      Array.from({ length: fits }, () => begin(server.port, server.issuer, 10 + n, opened)),
    ).flat()
    await vi.waitFor(() => expect(all.some(({ answer }) => statusOf(answer()) === '503')).toBe(true), patient)
    const busy = all.map(({ answer }) => answer()).find((answer) => statusOf(answer) === '503')
    expect(busy?.toLowerCase()).toContain('retry-after: 2')
    for (const socket of opened) socket.destroy()
    await vi.waitFor(async () => expect(await logInOnDevice(server)).toHaveProperty('access_token'), patient)
  },
  60_000,
)

verifies(['M17', 'N12'], 'devices that wait take none of that room, however they send their form', async () => {
  await using server = await startAuthServer({ environment: { TRUST_PROXY: '127.0.0.1', AUTH_HOLD_SECONDS: '30' } })
  const headers = { 'x-forwarded-for': '203.0.113.7' }
  const head = `POST /token HTTP/1.1\r\nHost: ${new URL(server.issuer).host}\r\nX-Forwarded-For: 203.0.113.7`
  const chunked = `${head}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n`
  const devices = Math.floor(bodyRoom.perNetwork / bodyLength) + 5
  const opened: Socket[] = []
  for (let device = 0; device < devices; device += 1) {
    const { deviceCode } = await askAsDevice(server, {}, headers)
    const form = encodeForm({ grant_type: deviceGrant, device_code: deviceCode, client_id: terminal.client_id })
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined)
    socket.write(`${chunked}${form.length.toString(16)}\r\n${form}\r\n0\r\n\r\n`)
    opened.push(socket)
    const held = new RegExp(`^gatehouse_held_polls ${device + 1}$`, 'm')
    await vi.waitFor(async () => expect(await server.metrics()).toMatch(held), patient)
  }
  for (const socket of opened) socket.destroy()
})

provesSecrecy()
