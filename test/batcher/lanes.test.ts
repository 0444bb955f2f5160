import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Broker } from '#batcher/broker.ts'
import type { Lane } from '#batcher/lane.ts'
import { Lanes } from '#batcher/lanes.ts'
import type { Submit } from '#batcher/ports.ts'

/** Lanes to one broker, `count` of them open and free. */
function opened(count: number, granted: number) {
  const broker = new Broker(1)
  const submit = { open: () => {}, close: (lane: Lane) => lanes.closed(lane) } as unknown as Submit
  const lanes = new Lanes(submit, granted)
  for (let i = 0; i < count; i++) lanes.add(broker, 0)
  for (const lane of [...broker.lanes]) lanes.opened(lane, 0)
  return { broker, lanes }
}

test('a smaller grant closes free lanes at once', () => {
  const { broker, lanes } = opened(5, 5)
  lanes.granted = 2
  lanes.shrink(broker)
  assert.deepEqual([broker.lanes.length, broker.free.length, lanes.count], [2, 2, 2])
})

test('a busy lane is left until it is answered', () => {
  const { broker, lanes } = opened(3, 3)
  const busy = [lanes.take(broker, 0)!, lanes.take(broker, 0)!]
  for (const lane of busy) {
    lane.state = 'busy'
    lane.submission = { sentAt: 0 } as never
  }
  lanes.granted = 1
  lanes.shrink(broker)
  assert.deepEqual(new Set(broker.lanes), new Set(busy))
  lanes.answered(busy[0]!, 1)
  assert.deepEqual(broker.lanes, [busy[1]])
  lanes.answered(busy[1]!, 1)
  assert.deepEqual([broker.lanes.length, broker.free.length], [1, 1])
})

test('a larger grant closes nothing; a lane beyond the grant is counted as wanted', () => {
  const { broker, lanes } = opened(2, 2)
  lanes.add(broker, 0)
  assert.deepEqual([broker.lanes.length, lanes.denied], [2, 1])
  lanes.granted = 4
  lanes.shrink(broker)
  lanes.add(broker, 0)
  assert.deepEqual([broker.lanes.length, lanes.denied], [3, 1])
})
