// Traces of a process, where the standard variables of OpenTelemetry ask for them. Without them nothing of it is loaded.
import { traceRedis } from './redis.ts'
import type { SdkOptions } from './sdk.ts'
import type { TracingSettings } from './settings.ts'
import { useTracer } from './span.ts'

export { requestTracing, traceRequests } from './requests.ts'
export { readTracingSettings, type TracingSettings } from './settings.ts'
export { activeSpan, inSpan, isTracing, type Span } from './span.ts'

/** Once a process, before anything that is traced is made. Returns how to end it: what waits leaves, within 1.5 seconds. */
export async function openTracing(
  settings: TracingSettings | undefined,
  options: SdkOptions,
): Promise<() => Promise<void>> {
  if (!settings) return async () => undefined
  const { startSdk } = await import('./sdk.ts')
  const sdk = startSdk(settings, options)
  useTracer(sdk.tracer)
  const stopRedis = traceRedis()
  let closing: Promise<void> | undefined
  return () => {
    stopRedis()
    useTracer(undefined)
    closing ??= sdk.close()
    return closing
  }
}
