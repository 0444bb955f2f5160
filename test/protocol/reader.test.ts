import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_TAGGED_FIELDS, ProtocolError, Reader } from '#protocol/reader.ts'

const reader = (...bytes: number[]) => new Reader(Buffer.from(bytes))
const refused = (message: RegExp) => (error: unknown) =>
  error instanceof ProtocolError && message.test(error.message)

test('numbers are big-endian and signed', () => {
  const all = reader(0x80, 0x80, 0, 0x80, 0, 0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 2)
  assert.equal(all.int8(), -128)
  assert.equal(all.int16(), -32768)
  assert.equal(all.uint16(), 32768)
  assert.equal(all.int32(), -(2 ** 31))
  assert.equal(all.int64(), -(2n ** 63n))
  assert.equal(all.boolean(), true)
  assert.equal(all.remaining, 0)
})

test('nothing is read behind the end', () => {
  const reads: [string, (short: Reader) => unknown, number][] = [
    ['int8', (short) => short.int8(), 1],
    ['int16', (short) => short.int16(), 2],
    ['uint16', (short) => short.uint16(), 2],
    ['int32', (short) => short.int32(), 4],
    ['int64', (short) => short.int64(), 8],
    ['uuid', (short) => short.uuid(), 16],
  ]
  for (const [what, read, size] of reads) {
    for (let length = 0; length < size; length++) {
      const short = new Reader(Buffer.alloc(40), 5, 5 + length)
      assert.throws(() => read(short), refused(new RegExp(`^${what} needs ${size} bytes, but ${length}`)))
    }
    const exact = new Reader(Buffer.alloc(40), 5, 5 + size)
    read(exact)
    assert.equal(exact.remaining, 0)
  }
})

test('varints hold 32 bits and no more', () => {
  const values: [number[], number][] = [
    [[0], 0],
    [[0x7f], 127],
    [[0x80, 0x01], 128],
    [[0xff, 0x7f], 16_383],
    [[0xff, 0xff, 0xff, 0xff, 0x07], 2 ** 31 - 1],
    [[0xff, 0xff, 0xff, 0xff, 0x0f], 2 ** 32 - 1],
    [[0x80, 0x00], 0],
  ]
  for (const [bytes, value] of values) assert.equal(reader(...bytes).unsignedVarint(), value)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xff, 0x10).unsignedVarint(), refused(/over 32 bits/))
  assert.throws(() => reader(...Array(9).fill(0x80), 1).unsignedVarint(), refused(/longer than 5 bytes/))
  assert.throws(() => reader(0x80).unsignedVarint(), refused(/varint needs 1 bytes, but 0/))
})

test('strings: length, null, limit', () => {
  assert.equal(reader(0, 2, 0xc3, 0xa4).nullableString(false), 'ä')
  assert.equal(reader(3, 0xc3, 0xa4).nullableString(true), 'ä')
  assert.equal(reader(0, 0).nullableString(false), '')
  assert.equal(reader(1).nullableString(true), '')
  assert.equal(reader(0xff, 0xff).nullableString(false), null)
  assert.equal(reader(0).nullableString(true), null)
  assert.throws(() => reader(0xff, 0xfe).nullableString(false), refused(/length -2 is invalid/))
  assert.throws(() => reader(0x81, 0x80, 0x02).nullableString(true), refused(/length 32768 is invalid/))
  assert.throws(
    () => reader(0, 5, 1, 2).nullableString(false),
    refused(/string needs 5 bytes, but 2 are left/),
  )
})

test('bytes are views, and their length is checked before anything is made for it', () => {
  const frame = Buffer.from([0, 0, 0, 2, 7, 8, 3, 9, 9])
  const bytes = new Reader(frame)
  const first = bytes.nullableBytes(false)!
  const second = bytes.nullableBytes(true)!
  frame.fill(1)
  assert.deepEqual([...first, ...second], [1, 1, 1, 1])
  assert.equal(reader(0xff, 0xff, 0xff, 0xff).nullableBytes(false), null)
  assert.equal(reader(0).nullableBytes(true), null)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xfe).nullableBytes(false), refused(/length -2 is negative/))
  assert.throws(() => reader(0x7f, 0xff, 0xff, 0xff, 1).nullableBytes(false), refused(/but 1 are left/))
  assert.throws(
    () => reader(0xff, 0xff, 0xff, 0xff, 0x0f, 1).nullableBytes(true),
    refused(/bytes needs 4294967294 bytes, but 1 are left/),
  )
})

test('an array has no more elements than bytes are left', () => {
  assert.equal(reader(0, 0, 0, 2, 1, 1).arrayLength(false), 2)
  assert.equal(reader(3, 1, 1).arrayLength(true), 2)
  assert.equal(reader(0xff, 0xff, 0xff, 0xff).arrayLength(false), -1)
  assert.equal(reader(0).arrayLength(true), -1)
  assert.throws(() => reader(0, 0, 0, 3, 1, 1).arrayLength(false), refused(/of 3 elements, but 2 bytes/))
  assert.throws(() => reader(4, 1, 1).arrayLength(true), refused(/of 3 elements, but 2 bytes/))
  assert.throws(() => reader(0x7f, 0xff, 0xff, 0xff).arrayLength(false), refused(/of 2147483647 elements/))
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xfe).arrayLength(false), refused(/length -2 is negative/))
})

test('tagged fields are skipped, up to a limit', () => {
  const tags = reader(2, 5, 2, 1, 1, 0x80, 0x01, 0, 42)
  tags.skipTags()
  assert.equal(tags.int8(), 42)
  const most = Array.from({ length: MAX_TAGGED_FIELDS }, (_, tag) => [tag, 0]).flat()
  reader(MAX_TAGGED_FIELDS, ...most).skipTags()
  assert.throws(() => reader(MAX_TAGGED_FIELDS + 1, ...most, 99, 0).skipTags(), refused(/65 tagged fields/))
  assert.throws(() => reader(1, 0, 3, 1, 1).skipTags(), refused(/tagged field needs 3 bytes, but 2/))
})
