import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shareOf } from '#gateway/grants.ts'

const grant = { lanes: 7, inFlightBytes: 1000, submissionsPerSecond: 30 }
const sharesOf = (workers: number, lanes = grant.lanes) =>
  Array.from({ length: workers }, (_, worker) => shareOf({ ...grant, lanes }, worker, workers))

test('the shares of the workers are the grant, lane by lane', () => {
  const shares = sharesOf(3)
  assert.deepEqual(
    shares.map(({ lanes }) => lanes),
    [3, 2, 2],
  )
  assert.equal(
    shares.reduce((sum, { inFlightBytes }) => sum + inFlightBytes, 0),
    1000,
  )
  for (const { submissionsPerSecond } of shares) assert.equal(submissionsPerSecond, 10)
})

test('each worker has a lane, whatever was granted', () => {
  for (const { lanes } of sharesOf(4, 2)) assert.equal(lanes, 1)
})

test('without a limit of submissions there is none for a worker', () => {
  assert.equal(shareOf({ ...grant, submissionsPerSecond: 0 }, 0, 4).submissionsPerSecond, 0)
})
