import type { Grant } from './grant.ts'

/** RFC 8628 §3.4. */
export const deviceCode: Grant = {
  name: 'urn:ietf:params:oauth:grant-type:device_code',
  parameters: ['device_code', 'resource'],
  mayUse: ({ isOperatorRegistered }, { unverified }) => isOperatorRegistered || unverified === 'allow',
  wrap: (handler, { reuseGrace }) => reuseGrace.wrap(handler, 'device_code'),
}
