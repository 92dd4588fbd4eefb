// A collector of OpenTelemetry for tests: it takes what an exporter sends over HTTP, and has it by trace.
import { createServer } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { listen } from './listen.ts'

export interface CollectedSpan {
  readonly service: string
  readonly traceId: string
  readonly spanId: string
  /** Undefined: it is the first one. */
  readonly parentId: string | undefined
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'other'
  /** Nanoseconds since the epoch. */
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly hasFailed: boolean
}

export interface OtlpCollector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string
  readonly spans: readonly CollectedSpan[]
  /** All that came, as it came. */
  readonly bodies: readonly Buffer[]
  readonly headers: readonly NodeJS.Dict<string | string[]>[]
  /** What is answered from now on; `undefined`: nothing, ever. */
  answer(status: number | undefined): void
  close(): Promise<void>
}

export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = []
  const bodies: Buffer[] = []
  const headers: NodeJS.Dict<string | string[]>[] = []
  let status: number | undefined = 200
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      headers.push(request.headers)
      if (status === undefined) return
      if (status === 200 && request.url === '/v1/traces') {
        const sent = Buffer.concat(chunks)
        const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
        bodies.push(body)
        spans.push(...readSpans(body))
      }
      response.writeHead(request.url === '/v1/traces' ? status : 404).end()
    })
  })
  const { origin, stop } = await listen(server)
  return {
    url: origin,
    spans,
    bodies,
    headers,
    answer(next) {
      status = next
    },
    close: stop,
  }
}

/** A trace as a tree, with what is to be known of each span. `shown`: attributes. */
export function printTrace(spans: readonly CollectedSpan[], shown: readonly string[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const inOrder = [...spans].sort((one, other) => Number(one.start - other.start))
  const first = inOrder[0]?.start ?? 0n
  const milliseconds = (from: bigint, to: bigint) => `${(Number(to - from) / 1e6).toFixed(1)} ms`
  const below = (parent: string | undefined): CollectedSpan[] =>
    inOrder.filter(({ parentId }) =>
      parent === undefined ? parentId === undefined || !ids.has(parentId) : parentId === parent,
    )
  const lines = (span: CollectedSpan, indent: string): string[] => {
    const attributes = shown
      .filter((name) => span.attributes[name] !== undefined)
      .map((name) => `${name}=${String(span.attributes[name])}`)
    const events = span.events.map(({ name }) => `* ${name}`)
    const links = span.links.map(({ traceId }) => `-> ${traceId.slice(0, 8)}`)
    const head = `${indent}${span.name}  [${span.service}, ${span.kind}]`
    const when = `+${milliseconds(first, span.start)}, ${milliseconds(span.start, span.end)}`
    const facts = [...attributes, ...events, ...links].map((fact) => `${indent}    ${fact}`)
    return [`${head}  ${when}`, ...facts, ...below(span.spanId).flatMap((child) => lines(child, `${indent}  `))]
  }
  return below(undefined)
    .flatMap((span) => lines(span, ''))
    .join('\n')
}

const kinds = ['other', 'internal', 'server', 'client'] as const

type Fields = ReadonlyMap<number, readonly unknown[]>

/** ExportTraceServiceRequest, as opentelemetry-proto numbers its fields. */
function readSpans(body: Uint8Array): CollectedSpan[] {
  const found: CollectedSpan[] = []
  for (const ofResource of messages(fieldsOf(body), 1)) {
    const [resource] = messages(ofResource, 1)
    const service = String(resource ? attributesIn(resource, 1)['service.name'] : '')
    for (const ofScope of messages(ofResource, 2))
      for (const span of messages(ofScope, 2)) found.push(readSpan(span, service))
  }
  return found
}

function readSpan(span: Fields, service: string): CollectedSpan {
  const [status] = messages(span, 15)
  return {
    service,
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentId: hex(span, 4) || undefined,
    name: text(span, 5),
    kind: kinds[Number(span.get(6)?.[0] ?? 0)] ?? 'other',
    start: BigInt(String(span.get(7)?.[0] ?? 0)),
    end: BigInt(String(span.get(8)?.[0] ?? 0)),
    attributes: attributesIn(span, 9),
    events: messages(span, 11).map((event) => ({ name: text(event, 2), attributes: attributesIn(event, 3) })),
    links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
    hasFailed: status?.get(3)?.[0] === 2,
  }
}

function attributesIn(fields: Fields, number: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(fields, number).map((pair) => {
      const [value] = messages(pair, 2)
      return [text(pair, 1), value && valueOf(value)]
    }),
  )
}

/** AnyValue, of the kinds that we send. */
function valueOf(value: Fields): unknown {
  if (value.has(1)) return text(value, 1)
  if (value.has(2)) return value.get(2)?.[0] === 1
  if (value.has(3)) return value.get(3)?.[0]
  return value.get(4)?.[0]
}

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes)
  const fields = new Map<number, unknown[]>()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    const value =
      type === 0
        ? Number(reader.int64())
        : type === 1
          ? reader.fixed64()
          : type === 2
            ? reader.bytes()
            : reader.fixed32()
    fields.set(number, [...(fields.get(number) ?? []), value])
  }
  return fields
}

const messages = (fields: Fields, number: number): Fields[] =>
  ((fields.get(number) ?? []) as Uint8Array[]).map((bytes) => fieldsOf(bytes))
const bytesIn = (fields: Fields, number: number) => Buffer.from((fields.get(number)?.[0] as Uint8Array) ?? [])
const text = (fields: Fields, number: number): string => bytesIn(fields, number).toString('utf8')
const hex = (fields: Fields, number: number): string => bytesIn(fields, number).toString('hex')
