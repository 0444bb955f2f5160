import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admission, type Holder } from '#batcher/admission.ts'

class Somebody implements Holder {
  reserved = 0
  unfinished = 0
  unfinishedSince = 0
  paused = false
  permits = 0

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  evict(): void {}

  permit(): void {
    this.permits++
  }
}

test('a smaller budget makes whoever brings more wait, and a larger one lets them go on', () => {
  const admission = new Admission(1000)
  const holder = new Somebody()
  admission.join(holder)
  admission.reserve(holder, 600)
  assert.equal(holder.paused, false)
  admission.resize(500, 8)
  admission.reserve(holder, 1)
  assert.equal(holder.paused, true)
  admission.resize(2000, 8)
  admission.release(holder, 1)
  assert.equal(holder.paused, false)
})

test('more permits go to those who wait', () => {
  const admission = new Admission(1000, 1)
  const holders = [new Somebody(), new Somebody(), new Somebody(), new Somebody()]
  assert.deepEqual(
    holders.map((holder) => admission.takePermit(holder)),
    [true, false, false, false],
  )
  admission.resize(1000, 3)
  assert.deepEqual(
    holders.map(({ permits }) => permits),
    [0, 1, 1, 0],
  )
})

test('fewer permits: none is given until so many have come back', () => {
  const admission = new Admission(1000, 3)
  const holders = [new Somebody(), new Somebody(), new Somebody(), new Somebody()]
  for (const holder of holders) admission.takePermit(holder)
  admission.resize(1000, 1)
  admission.givePermit()
  admission.givePermit()
  assert.equal(holders[3]!.permits, 0, 'two of three are back, one may be held and is')
  admission.givePermit()
  assert.equal(holders[3]!.permits, 1)
})
