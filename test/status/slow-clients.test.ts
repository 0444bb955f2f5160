import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { State } from '#status/contract.ts'
import { overTheWire, withoutNulls } from '#test/status/json.ts'
import { fleet, START, topic } from '#test/status/states.ts'
import { openStage, PATIENCE_MS, type Reader, until } from '#test/status/stream-stage.ts'

const KIB = 1024
/** What a kernel takes in for a reader that does not read, and then some. */
const KERNEL_BYTES = 16 * 1024 * KIB

const seen = (state: State) => withoutNulls(overTheWire(state))

/** A fleet whose lists take so many bytes, other ones every second. */
function large(second: number, bytes: number): State {
  const count = 200
  const text = (i: number) => `${second}-${i}-`.padEnd(Math.ceil(bytes / count), 'x')
  const topics = Array.from({ length: count }, (_, i) => [`t${i}`, { ...topic(i), route: text(i) }])
  return fleet({ ts: START + second * 1000, topics: Object.fromEntries(topics) })
}

/** Every frame since the last snapshot has come, each once. */
function assertWhole({ frames }: Reader, what: string): void {
  const seqs = frames.flatMap((frame) => ('seq' in frame ? [frame.seq] : []))
  seqs.forEach((seq, i) => {
    const isNext = frames[0]?.type === 'hello' && (i === 0 || seq === seqs[i - 1]! + 1)
    assert.ok(isNext, `${what}: seq ${seq} after ${seqs[i - 1]}`)
  })
}

test('200 clients, 20 of which never read: those are closed, nobody else misses anything', async (context) => {
  const { connect, hub, tick } = await openStage(context, PATIENCE_MS)
  tick(large(0, 1000))
  const readers = await Promise.all(Array.from({ length: 180 }, connect))
  // Most of them look at the clusters alone; what the others get could not be sent 200 times in a short test.
  for (const { socket } of readers.slice(20))
    socket.send('{"type":"subscribe","topics":false,"clients":false}')
  const stalled = await Promise.all(Array.from({ length: 20 }, connect))
  for (const reader of readers) await reader.caughtUp()
  for (const { socket } of stalled) socket.pause()
  for (const { frames } of readers) frames.splice(1, frames.length - 2)

  const frame = 600 * KIB
  let seconds = 0
  let mostBuffered = 0
  const pass = async (bytes: number) => {
    tick(large(++seconds, bytes))
    mostBuffered = Math.max(mostBuffered, hub.ledger.bufferedBytes)
    await readers[0]!.caughtUp()
    await until(
      'those who read have read',
      () => hub.ledger.bufferedBytes <= 20 * (256 * KIB + frame + 20 * KIB),
    )
  }
  while (hub.ledger.framesSkipped < 20 && seconds * frame < KERNEL_BYTES) await pass(frame)
  assert.ok(hub.ledger.framesSkipped >= 20, 'none of them fell behind')
  for (let i = 0; i < 32; i++) await pass(1000)

  assert.deepEqual(hub.ledger.closes, { 1013: 20 })
  for (const reader of readers) await reader.caughtUp()
  readers.forEach((reader, i) => void assertWhole(reader, `client ${i}`))
  for (const { closed } of readers) assert.equal(closed, null)
  assert.ok(mostBuffered < 40 * (256 * KIB + 2 * frame), `${mostBuffered} bytes were buffered`)
  // They see why once they read again.
  for (const { socket } of stalled) socket.resume()
  await until(
    'all are gone',
    () => hub.ledger.clients === 180 && stalled.every(({ closed }) => closed !== null),
  )
  assert.deepEqual(new Set(stalled.map(({ closed }) => closed!.code)), new Set([1013]))
  await until('nothing is buffered', () => hub.ledger.bufferedBytes === 0)
})

test('who was behind and catches up gets a snapshot, and goes on from there', async (context) => {
  const { connect, hub, tick } = await openStage(context)
  tick(large(0, 1000))
  const reader = await connect()
  await reader.caughtUp()
  reader.socket.pause()
  let seconds = 0
  while (hub.ledger.framesSkipped < 3 && seconds < 100) tick(large(++seconds, 400 * KIB))
  assert.ok(hub.ledger.framesSkipped >= 3, 'it did not fall behind')
  reader.socket.resume()
  await until('it has read what was there', () => hub.ledger.bufferedBytes === 0)
  tick(large(++seconds, 1000))
  await until('a snapshot', () => reader.of('snapshot').length === 2)
  tick(large(++seconds, 1000))
  await until('a delta', () => reader.frames.at(-1)!.type === 'delta')
  assert.deepEqual(reader.state, seen(large(seconds, 1000)))
  // It is behind no more: half a minute later it is still there.
  for (let i = 0; i < 40; i++) {
    tick(large(++seconds, 100))
    await reader.caughtUp()
  }
  assert.deepEqual(reader.state, seen(large(seconds, 100)))
})

test('a large snapshot has its time, and what comes after it is not lost', async (context) => {
  const { connectPaused, hub, tick } = await openStage(context)
  const bytes = KERNEL_BYTES / 2
  tick(large(0, bytes))
  const reader = await connectPaused()
  await until('the snapshot is on its way', () => hub.ledger.bufferedBytes > 1024 * KIB)
  let seconds = 0
  const small = () => fleet({ ...large(0, bytes), ts: START + ++seconds * 1000 })
  // At 64 KiB a second it takes more than two minutes.
  while (seconds < 140) tick(small())
  assert.deepEqual(hub.ledger.closes, {})
  reader.socket.resume()
  await until('everything has come', () => reader.of('delta').length === 140)
  assert.equal(hub.ledger.framesSkipped, 0)
  assert.equal(reader.of('snapshot').length, 1)
  assertWhole(reader, 'the reader')
  for (let i = 0; i < 40; i++) {
    tick(small())
    await reader.caughtUp()
  }
  assert.equal(reader.closed, null)
})

test('who never takes a large snapshot is closed nevertheless', async (context) => {
  const { connectPaused, hub, tick } = await openStage(context)
  tick(large(0, KERNEL_BYTES / 2))
  await connectPaused()
  await until('the snapshot is on its way', () => hub.ledger.bufferedBytes > 1024 * KIB)
  for (let i = 0; i < 170; i++) tick(fleet({ ts: START + i * 1000 }))
  assert.deepEqual(hub.ledger.closes, { 1013: 1 })
  await until('nothing is kept for it', () => hub.ledger.bufferedBytes === 0 && hub.ledger.clients === 0)
})
