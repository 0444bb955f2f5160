import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as values from '#dashboard/contract-values.ts'
import { errorName, NAMED_CODES } from '#dashboard/error-names.ts'
import { Errors } from '#protocol/errors.ts'
import * as contract from '#status/contract.ts'
import { OTHER } from '#status/top.ts'

test('the page and the contract agree on the values of the stream', () => {
  assert.equal(values.STREAM_PROTOCOL, contract.STREAM_PROTOCOL)
  assert.equal(values.SUBPROTOCOL, contract.SUBPROTOCOL)
  assert.equal(values.OTHER_TOPICS, OTHER)
  assert.deepEqual(values.CLOSE_CODES, contract.CLOSE_CODES)
})

test('error codes have the names that Kafka gives them', () => {
  const names = new Map<number, string>(Object.entries(Errors).map(([name, code]) => [code, name]))
  assert.ok(NAMED_CODES.length > 30)
  for (const code of NAMED_CODES) assert.equal(errorName(code), names.get(code))
  assert.equal(errorName('7'), 'REQUEST_TIMED_OUT')
  assert.equal(errorName(12_345), 'error 12345')
})
