/** The grant of a device (RFC 8628 §3.4). */
export const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code'

/** The scope that asks for a refresh token (OpenID Connect Core §11). */
export const offlineAccess = 'offline_access'
