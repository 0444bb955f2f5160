import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { heldBytes, leave, Slabs, SMALL_FRAME, type Tenant } from '#gateway/slabs.ts'
import { memoryHeld } from '#test/fuzz/bounds.ts'

const LATER = 1e12

class Frame implements Tenant {
  before: Tenant | null = null
  after: Tenant | null = null
  moves = 0
  bytes: Buffer

  constructor(slabs: Slabs, size: number, fill: number) {
    this.bytes = slabs.copy(Buffer.alloc(size, fill), 0, size)
    slabs.enter(this, this.bytes)
  }

  move(): void {
    this.moves++
    this.bytes = Buffer.from(this.bytes)
  }
}

function many(slabs: Slabs, count: number, size = 500): Frame[] {
  return Array.from({ length: count }, (_, i) => new Frame(slabs, size, i))
}

test('small frames share memory and do not overlap; large ones have their own', () => {
  const slabs = new Slabs()
  const frames = many(slabs, 200)
  for (const [i, { bytes }] of frames.entries()) assert.deepEqual(bytes, Buffer.alloc(500, i))
  const memories = new Set(frames.map(({ bytes }) => bytes.buffer))
  assert.equal(memories.size, Math.ceil(200 / 32))
  const large = slabs.copy(Buffer.alloc(SMALL_FRAME + 1, 7), 0, SMALL_FRAME + 1)
  assert.equal(large.buffer.byteLength, SMALL_FRAME + 1)
  assert.equal(heldBytes(large), SMALL_FRAME + 1)
  assert.equal(heldBytes(frames[0]!.bytes), 500)
})

test('who is not done moves out of an old slab, once; who is done does not', () => {
  const slabs = new Slabs()
  const frames = many(slabs, 100)
  const [first, second, third] = frames
  leave(second!)
  leave(second!)
  slabs.sweep(0)
  assert.equal(first!.moves, 0, 'the slab is not old')
  slabs.sweep(LATER)
  assert.deepEqual([first!.moves, second!.moves, third!.moves], [1, 0, 1])
  slabs.sweep(LATER)
  assert.equal(first!.moves, 1)
  assert.equal(frames.at(-1)!.moves, 0, 'the slab is not full')
})

test('one that leaves last, first or in between leaves the others where they are', () => {
  for (const gone of [0, 5, 31]) {
    const slabs = new Slabs()
    const frames = many(slabs, 40)
    leave(frames[gone]!)
    slabs.sweep(LATER)
    const moved = frames.slice(0, 32).filter(({ moves }) => moves === 1)
    assert.equal(moved.length, 31)
    assert.equal(frames[gone]!.moves, 0)
  }
})

test('a full slab is kept by its frames alone, not until it is swept', async () => {
  const slabs = new Slabs()
  const memoriesOf = (frames: Frame[]) => new Set(frames.map(({ bytes }) => new WeakRef(bytes.buffer)))
  const kept = many(slabs, 32)
  const [first] = memoriesOf(kept)
  const done = many(slabs, 33)
  const [second] = memoriesOf(done)
  for (const frame of done.splice(0)) leave(frame)
  await nextTurn()
  memoryHeld(0)
  assert.ok(first!.deref())
  assert.equal(second!.deref(), undefined)
})
