// Devices that are no program of their own, with libraries as their documents have them.
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import type { Site, StartedLogin } from './client.ts'
import { deviceScope, metadataOf, pollWithPauses, started } from './device.ts'

export async function logInWithOpenidClient({ issuer, resource }: Site): Promise<StartedLogin> {
  const stop = new AbortController()
  const config = await openid.dynamicClientRegistration(
    new URL(issuer),
    metadataOf('openid-client') as Partial<openid.ClientMetadata>,
    openid.None(),
    { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] },
  )
  const answer = await openid.initiateDeviceAuthorization(config, { scope: deviceScope, resource })
  const tokens = openid.pollDeviceAuthorizationGrant(config, answer, { resource }, { signal: stop.signal })
  return started(answer.user_code, tokens, stop)
}

export async function logInWithOauth4webapi({ issuer, resource }: Site): Promise<StartedLogin> {
  const stop = new AbortController()
  const http = { [oauth.allowInsecureRequests]: true, signal: stop.signal }
  const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...http })
  const server = await oauth.processDiscoveryResponse(new URL(issuer), found)
  const registered = await oauth.dynamicClientRegistrationRequest(
    server,
    metadataOf('oauth4webapi') as Partial<oauth.Client>,
    http,
  )
  const client = await oauth.processDynamicClientRegistrationResponse(registered)
  const asked = await oauth.deviceAuthorizationRequest(
    server,
    client,
    oauth.None(),
    { scope: deviceScope, resource },
    http,
  )
  const answer = await oauth.processDeviceAuthorizationResponse(server, client, asked)
  const ask = async () => {
    const options = { additionalParameters: { resource }, ...http }
    const response = await oauth.deviceCodeGrantRequest(server, client, oauth.None(), answer.device_code, options)
    try {
      await oauth.processDeviceCodeResponse(server, client, response)
      return undefined
    } catch (error) {
      if (error instanceof oauth.ResponseBodyError) return error.error
      throw error
    }
  }
  return started(answer.user_code, pollWithPauses(answer.interval, ask, stop.signal), stop)
}
