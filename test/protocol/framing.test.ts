import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameSplitter } from '#protocol/framing.ts'

const MAX = 1024 * 1024

function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => (state = (state * 48_271) % 0x7fffffff) % below
}

/** Frames of many sizes, each filled with a byte of its own, and their stream. */
function streamOf(seed: number): { frames: Buffer[]; stream: Buffer } {
  const next = random(seed)
  const frames = Array.from({ length: 60 }, (_, i) => {
    const size = 1 + next([10, 300, 3000, 70_000, 200_000][next(5)]!)
    return Buffer.alloc(size, i + 1)
  })
  const prefixed = frames.flatMap((frame) => {
    const prefix = Buffer.alloc(4)
    prefix.writeInt32BE(frame.length)
    return [prefix, frame]
  })
  return { frames, stream: Buffer.concat(prefixed) }
}

test('chunks may be overwritten once they are owned: the frames are the same, however the stream is cut', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { frames, stream } = streamOf(seed)
    const next = random(seed + 1000)
    const splitter = new FrameSplitter(MAX)
    const shared = Buffer.alloc(64 * 1024)
    const seen: Buffer[] = []
    for (let at = 0; at < stream.length; ) {
      const size = Math.min(stream.length - at, 1 + next([4, 100, 5000, 65_536][next(4)]!))
      stream.copy(shared, 0, at, at + size)
      at += size
      splitter.push(shared.subarray(0, size))
      // Now and then a connection does not take the frames that are there.
      if (next(4) > 0) {
        for (let frame = splitter.next(); frame; frame = splitter.next()) seen.push(Buffer.from(frame))
      }
      splitter.own(shared.subarray(0, size))
      shared.fill(0xee)
    }
    for (let frame = splitter.next(); frame; frame = splitter.next()) seen.push(Buffer.from(frame))
    assert.equal(seen.length, frames.length, `seed ${seed}`)
    for (const [i, frame] of frames.entries()) assert.ok(frame.equals(seen[i]!), `seed ${seed}, frame ${i}`)
    assert.equal(splitter.held, 0)
  }
})

test('a frame of which half has come is gathered where the rest will follow: one copy', () => {
  const splitter = new FrameSplitter(MAX)
  const { stream } = { stream: Buffer.alloc(70_004, 7) }
  stream.writeInt32BE(70_000)
  const first = stream.subarray(0, 60_000)
  splitter.push(first)
  assert.equal(splitter.next(), null)
  splitter.own(first)
  splitter.push(stream.subarray(60_000))
  const frame = splitter.next()!
  assert.equal(frame.length, 70_000)
  assert.equal(frame.buffer.byteLength, 70_004)
})

test('memory follows the bytes that came, not the length that was declared', () => {
  const splitter = new FrameSplitter(MAX)
  const chunk = Buffer.alloc(10_000)
  chunk.writeInt32BE(MAX)
  splitter.push(chunk)
  assert.equal(splitter.next(), null)
  const before = process.memoryUsage().arrayBuffers
  splitter.own(chunk)
  const grown = process.memoryUsage().arrayBuffers - before
  assert.ok(grown <= 20_000, `${grown} bytes for 10,000 that came`)
})

test('bytes that are exactly one frame need not be pushed, whatever stands behind them', () => {
  const splitter = new FrameSplitter(8)
  const isFrame = (chunk: Buffer) =>
    splitter.isFrame(Buffer.concat([chunk, Buffer.alloc(20, 1)]), chunk.length)
  const chunk = (length: number, bytes: number) => {
    const made = Buffer.alloc(4 + bytes)
    made.writeInt32BE(length)
    return made
  }
  assert.ok(isFrame(chunk(8, 8)))
  assert.ok(!isFrame(chunk(8, 7)), 'not whole')
  assert.ok(!isFrame(chunk(7, 8)), 'more follows')
  assert.ok(!isFrame(chunk(9, 9)), 'over the limit')
  assert.ok(!isFrame(chunk(0, 0)), 'no frame is empty')
  assert.ok(!isFrame(Buffer.alloc(3)), 'no prefix')
  splitter.push(chunk(8, 7))
  assert.ok(!isFrame(chunk(8, 8)), 'it belongs to the frame under way')
})
