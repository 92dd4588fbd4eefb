import { expect, test } from 'vitest'
import * as errors from './errors.ts'
import { wireErrorOf, wireErrors } from './wire-errors.ts'

/** Of each of our errors one, and what is told of it: nothing of those that are the operator's or ours. */
const told: Readonly<Record<string, readonly [Error, string | undefined]>> = {
  GatehouseError: [new errors.GatehouseError('anything', 'a secret cause'), undefined],
  ConfigError: [new errors.ConfigError(['a fault']), undefined],
  UsageError: [new errors.UsageError('people list'), undefined],
  OperatorError: [new errors.OperatorError('nothing of them'), undefined],
  CursorError: [new errors.CursorError(), undefined],
  AlreadyConsumedError: [new errors.AlreadyConsumedError(), '400 invalid_grant'],
  DeviceCodeStateError: [new errors.DeviceCodeStateError(), '400 invalid_grant'],
  UserCodeTakenError: [new errors.UserCodeTakenError(), '503 temporarily_unavailable after 1'],
  StoreUnavailableError: [new errors.StoreUnavailableError(), '503 temporarily_unavailable after 1'],
  InteractionGoneError: [new errors.InteractionGoneError(), '400 invalid_request'],
  InvalidRequestError: [new errors.InvalidRequestError('too long'), '400 invalid_request'],
  UnsupportedBodyError: [new errors.UnsupportedBodyError('compressed'), '415 invalid_request'],
  TooManyRequestsError: [new errors.TooManyRequestsError(17), '429 too_many_requests after 17'],
  BusyError: [new errors.BusyError(), '503 temporarily_unavailable after 2'],
}

test('each error of ours has a row, or is nobody else’s to read', () => {
  const found = Object.keys(errors).map((name) => {
    const [error] = told[name] ?? []
    const row = wireErrorOf(error)
    const after = row?.retryAfter === undefined ? '' : ` after ${row.retryAfter}`
    return [name, [error?.constructor.name, row && `${row.status} ${row.error}${after}`]]
  })
  const expected = Object.entries(told).map(([name, [, answer]]) => [name, [name, answer]])
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected))
})

test('the words are ours, but for a fault of the request, which says what it is', () => {
  expect(wireErrorOf(new errors.InvalidRequestError('too long'))?.description).toBe('too long')
  expect(wireErrorOf(new errors.UnsupportedBodyError('compressed'))?.description).toBe('compressed')
  expect(wireErrorOf(new errors.StoreUnavailableError(new Error('10.0.0.7 refused')))).toEqual(wireErrors.passing)
  expect(wireErrorOf(new errors.TooManyRequestsError(17))?.description).toMatch(/Try again in 17 seconds\.$/)
  for (const error of [new Error('a secret cause'), 'a text', undefined]) expect(wireErrorOf(error)).toBeUndefined()
})

test('what passes says when to come back, and nothing else does', () => {
  for (const [name, row] of Object.entries(wireErrors))
    expect([name, 'retryAfter' in row]).toEqual([name, row.status === 503])
})
