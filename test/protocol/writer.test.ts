import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reader } from '#protocol/reader.ts'
import { Writer } from '#protocol/writer.ts'

const ID = Buffer.from(Array.from({ length: 16 }, (_, i) => 255 - i)).toString('base64url')

function written(write: (writer: Writer) => void, capacity?: number): string {
  const writer = new Writer(capacity)
  write(writer)
  return writer.bytes().toString('hex')
}

function everything(writer: Writer): void {
  writer.int8(-2)
  writer.boolean(true)
  writer.int16(-3)
  writer.uint16(65_535)
  writer.int32(-4)
  writer.int64(-5n)
  writer.uuid(ID)
  writer.unsignedVarint(2 ** 32 - 1)
  writer.nullableString('än', false)
  writer.nullableString('ö', true)
  writer.nullableBytes(Buffer.from([1, 2]), false)
  writer.nullableBytes(Buffer.from([3]), true)
  writer.arrayLength(7, false)
  writer.tag({ tag: 300, data: Buffer.from([9]) })
  writer.emptyTags()
}

test('the buffer grows wherever it is full', () => {
  const roomy = written(everything, 1000)
  for (let capacity = 0; capacity < 100; capacity++) {
    assert.equal(written(everything, capacity), roomy, `capacity ${capacity}`)
  }
})

test('the reader reads what the writer wrote', () => {
  const writer = new Writer()
  everything(writer)
  const reader = new Reader(writer.bytes())
  assert.equal(reader.int8(), -2)
  assert.equal(reader.boolean(), true)
  assert.equal(reader.int16(), -3)
  assert.equal(reader.uint16(), 65_535)
  assert.equal(reader.int32(), -4)
  assert.equal(reader.int64(), -5n)
  assert.equal(reader.uuid(), ID)
  assert.equal(reader.unsignedVarint(), 2 ** 32 - 1)
  assert.equal(reader.nullableString(false), 'än')
  assert.equal(reader.nullableString(true), 'ö')
  assert.deepEqual(reader.nullableBytes(false), Buffer.from([1, 2]))
  assert.deepEqual(reader.nullableBytes(true), Buffer.from([3]))
  assert.equal(reader.int32(), 7)
  assert.deepEqual([reader.unsignedVarint(), reader.unsignedVarint(), reader.int8()], [300, 1, 9])
  assert.equal(reader.tagCount(), 0)
  assert.equal(reader.remaining, 0)
})

test('lengths, and null in place of them', () => {
  const cases: [(writer: Writer) => void, string][] = [
    [(writer) => writer.nullableString(null, false), 'ffff'],
    [(writer) => writer.nullableString(null, true), '00'],
    [(writer) => writer.nullableString('', false), '0000'],
    [(writer) => writer.nullableString('', true), '01'],
    [(writer) => writer.nullableBytes(null, false), 'ffffffff'],
    [(writer) => writer.nullableBytes(null, true), '00'],
    [(writer) => writer.arrayLength(-1, false), 'ffffffff'],
    [(writer) => writer.arrayLength(-1, true), '00'],
    [(writer) => writer.arrayLength(127, true), '8001'],
    [(writer) => writer.unsignedVarint(2 ** 32 - 1), 'ffffffff0f'],
  ]
  for (const [write, hex] of cases) assert.equal(written(write), hex)
})

test('what does not fit is refused', () => {
  const writer = new Writer()
  const cases: (() => void)[] = [
    () => writer.int8(128),
    () => writer.int16(-32_769),
    () => writer.uint16(65_536),
    () => writer.int32(2 ** 31),
    () => writer.int64(2n ** 63n),
    () => writer.nullableString('ä'.repeat(16_384), true),
    () => writer.nullableString('a'.repeat(32_768), false),
    () => writer.uuid(ID.slice(1)),
    () => writer.uuid(`${ID}A`),
    () => writer.uuid('*'.repeat(22)),
  ]
  for (const refused of cases) assert.throws(refused, RangeError)
  writer.nullableString('ä'.repeat(16_383), false)
})

test('a copy taken stays as it is; the next begins anew, and memory of a long text is given back', () => {
  const writer = new Writer()
  writer.int32(7)
  const first = writer.takeCopy()
  writer.int32(8)
  const second = writer.takeCopy()
  assert.deepEqual([first, second], [Buffer.from([0, 0, 0, 7]), Buffer.from([0, 0, 0, 8])])
  writer.raw(Buffer.alloc(100_000, 1))
  const long = writer.takeCopy()
  assert.ok(writer.buffer.length < 1000)
  assert.deepEqual(long, Buffer.alloc(100_000, 1))
})
