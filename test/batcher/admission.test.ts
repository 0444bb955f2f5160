import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Admission, type Holder } from '#batcher/admission.ts'

class Somebody implements Holder {
  reserved = 0
  unfinished = 0
  unfinishedSince: number
  paused = false
  evicted = false
  permits = 0

  constructor(admission: Admission, since = 0) {
    this.unfinishedSince = since
    admission.join(this)
  }

  pause(): void {
    assert.equal(this.paused, false, 'paused once')
    this.paused = true
  }

  resume(): void {
    assert.equal(this.paused, true, 'resumed once')
    this.paused = false
  }

  evict(): void {
    this.evicted = true
  }

  permit(): void {
    this.permits++
  }
}

/** A ledger of 1000 bytes and so many who may hold some. */
function ledger(count: number, permits = 2) {
  const admission = new Admission(1000, permits)
  return { admission, holders: Array.from({ length: count }, (_, i) => new Somebody(admission, i)) }
}

describe('memory', () => {
  test('what is reserved is counted until it is released', () => {
    const { admission, holders } = ledger(1)
    admission.reserve(holders[0]!, 300)
    admission.reserve(holders[0]!, 200)
    admission.release(holders[0]!, 100)
    assert.deepEqual([admission.used, admission.peak, holders[0]!.reserved], [400, 500, 400])
    admission.release(holders[0]!, 400)
    assert.deepEqual([admission.used, admission.peak, holders[0]!.reserved], [0, 500, 0])
  })

  test('at 80 % whoever holds more than the average is not read, others are', () => {
    const { admission, holders } = ledger(3)
    const [large, small, tiny] = holders
    admission.reserve(large!, 700)
    admission.reserve(small!, 99)
    assert.deepEqual(
      holders.map(({ paused }) => paused),
      [false, false, false],
    )
    admission.reserve(tiny!, 1)
    assert.equal(tiny!.paused, false, 'it holds less than the average')
    admission.reserve(large!, 10)
    assert.deepEqual(
      holders.map(({ paused }) => paused),
      [true, false, false],
    )
  })

  test('at 90 % nobody is read, below 70 % everybody is again', () => {
    const { admission, holders } = ledger(3)
    admission.reserve(holders[0]!, 899)
    admission.reserve(holders[1]!, 1)
    assert.deepEqual(
      holders.map(({ paused }) => paused),
      [true, true, true],
    )
    assert.equal(admission.paused, 3)
    admission.release(holders[0]!, 200)
    assert.equal(admission.paused, 3, '700 is not below 70 %')
    admission.release(holders[0]!, 1)
    assert.deepEqual(
      holders.map(({ paused }) => paused),
      [false, false, false],
    )
  })

  test('at 95 % newcomers wait', () => {
    const { admission, holders } = ledger(1)
    admission.reserve(holders[0]!, 950)
    const newcomer = new Somebody(admission)
    assert.equal(newcomer.paused, true)
    admission.release(holders[0]!, 400)
    assert.equal(newcomer.paused, false)
  })

  test('who has left is neither paused nor resumed, and what it held stays counted', () => {
    const { admission, holders } = ledger(2)
    admission.reserve(holders[0]!, 950)
    admission.leave(holders[1]!)
    admission.leave(holders[0]!)
    assert.equal(admission.paused, 0)
    assert.equal(admission.used, 950)
    admission.release(holders[0]!, 950)
    assert.deepEqual(
      holders.map(({ paused }) => paused),
      [true, true],
    )
    assert.equal(admission.used, 0)
  })
})

describe('unfinished frames', () => {
  test('beyond a quarter of the budget the slowest must go', () => {
    const { admission, holders } = ledger(3)
    admission.setUnfinished(holders[2]!, 100)
    admission.setUnfinished(holders[1]!, 150)
    assert.deepEqual(
      holders.map(({ evicted }) => evicted),
      [false, false, false],
    )
    admission.setUnfinished(holders[2]!, 101)
    assert.deepEqual(
      holders.map(({ evicted }) => evicted),
      [false, true, false],
      'it began before the other',
    )
  })

  test('a frame that is whole makes room', () => {
    const { admission, holders } = ledger(2)
    admission.setUnfinished(holders[0]!, 250)
    admission.setUnfinished(holders[0]!, 0)
    admission.setUnfinished(holders[1]!, 250)
    assert.deepEqual(
      holders.map(({ evicted }) => evicted),
      [false, false],
    )
    assert.equal(admission.unfinished, 250)
  })
})

describe('large frames', () => {
  test('there are so many permits; who waits gets the next one, in turn', () => {
    const { admission, holders } = ledger(4)
    assert.deepEqual(
      holders.map((holder) => admission.takePermit(holder)),
      [true, true, false, false],
    )
    admission.givePermit()
    assert.deepEqual(
      holders.map(({ permits }) => permits),
      [0, 0, 1, 0],
    )
    admission.givePermit()
    admission.givePermit()
    assert.deepEqual(
      holders.map(({ permits }) => permits),
      [0, 0, 1, 1],
    )
    assert.equal(admission.takePermit(holders[0]!), true, 'the last one that nobody waited for is free')
  })

  test('who has left waits no more', () => {
    const { admission, holders } = ledger(2, 1)
    admission.takePermit(holders[0]!)
    admission.takePermit(holders[1]!)
    admission.leave(holders[1]!)
    admission.givePermit()
    assert.equal(holders[1]!.permits, 0)
    assert.equal(admission.takePermit(holders[0]!), true)
  })
})
