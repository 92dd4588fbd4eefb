import { deviceCodeGrant } from '@gatehouse/shared'
import type { Grant } from './grant.ts'

/** RFC 8628 §3.4. */
export const deviceCode: Grant = {
  name: deviceCodeGrant,
  parameters: ['device_code', 'resource'],
  mayUse: ({ isOperatorRegistered }, { unverified }) => isOperatorRegistered || unverified === 'allow',
  wrap: (handler, { reuseGrace }) => reuseGrace.wrap(handler, 'device_code'),
}
