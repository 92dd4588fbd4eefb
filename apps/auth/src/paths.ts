/** Where what is: each path once, for the routes, the engine, the pages and what is decided by a path. */
export const paths = {
  authorize: '/authorize',
  token: '/token',
  register: '/register',
  jwks: '/jwks',
  deviceAuthorization: '/device_authorization',
  /** Where people enter the code of a device. */
  device: '/device',
  revoke: '/revoke',
  introspect: '/introspect',
  userinfo: '/userinfo',
  logout: '/logout',
  logoutConfirmation: '/logout/confirm',
  loggedOut: '/logout/success',
  /** What a person approved. */
  apps: '/apps',
  appsDisconnect: '/apps/disconnect',
  appsSwitch: '/apps/switch',
} as const
