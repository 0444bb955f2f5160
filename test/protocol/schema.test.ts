import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_TAGGED_FIELDS, ProtocolError, Reader } from '#protocol/reader.ts'
import {
  array,
  boolean,
  bytes,
  int16,
  int32,
  int64,
  type Message,
  message,
  string,
  struct,
} from '#protocol/schema.ts'
import { Writer } from '#protocol/writer.ts'

/** Flexible from version 5. */
const sample = message(5, {
  id: int16,
  name: string.nullable(2).or('none'),
  items: array(struct({ label: string, weight: int64.or(-1n).since(3) })),
  old: boolean.since(0, 1),
  extra: string.nullable().tagged(0, 5),
  leader: struct({ node: int32.or(-1), epoch: int32.or(-1) }).tagged(2, 6),
  list: array(int16).tagged(3, 5),
})

function encoded<T>(codec: Message<T>, value: Parameters<typeof codec.encode>[1], version: number): string {
  const writer = new Writer()
  codec.encode(writer, value, version)
  return writer.bytes().toString('hex')
}

function decoded<T>(codec: Message<T>, hex: string, version: number): T {
  const reader = new Reader(Buffer.from(hex, 'hex'))
  const value = codec.decode(reader, version)
  assert.equal(reader.remaining, 0)
  return value
}

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof ProtocolError && message.test(error.message)

const EMPTY = {
  id: 0,
  name: 'none',
  items: [],
  old: false,
  extra: null,
  leader: { node: -1, epoch: -1 },
  list: [],
}

test('a version carries its own fields, the others come back at their fallbacks', () => {
  const value = { id: 7, name: 'a', items: [{ label: 'b', weight: 2n }], old: true }
  assert.equal(encoded(sample, value, 1), '0007 000161 00000001 000162 01'.replaceAll(' ', ''))
  assert.equal(encoded(sample, value, 3), '0007 000161 00000001 000162 0000000000000002'.replaceAll(' ', ''))
  assert.equal(encoded(sample, value, 5), '0007 0261 02 0262 0000000000000002 00 00'.replaceAll(' ', ''))
  assert.deepEqual(decoded(sample, encoded(sample, value, 1), 1), {
    ...EMPTY,
    ...value,
    items: [{ label: 'b', weight: -1n }],
  })
  assert.deepEqual(decoded(sample, encoded(sample, value, 3), 3), { ...EMPTY, ...value, old: false })
  assert.deepEqual(decoded(sample, encoded(sample, {}, 6), 6), EMPTY)
})

test('null is for the versions that have it', () => {
  assert.throws(() => encoded(sample, { name: null }, 1), /name: null is allowed from version 2 only/)
  assert.equal(encoded(sample, { name: null }, 2), '0000ffff00000000')
  assert.throws(
    () => decoded(sample, '0000ffff0000000000', 1),
    refused(/^name: null is allowed from version 2/),
  )
  assert.equal(decoded(sample, '0000ffff00000000', 2).name, null)
  assert.throws(() => decoded(sample, '00000000ffffffff', 2), refused(/^items: null where/))
  assert.throws(() => decoded(sample, '0000010000', 5), refused(/^items: null where/))
  assert.throws(() => decoded(sample, '00000102000000', 5), refused(/^items: label: null where/))
  assert.throws(() => encoded(sample, { list: null as never }, 5), /list: null is allowed/)
  assert.throws(
    () => decoded(sample, '000001 01 01 03 01 00'.replaceAll(' ', ''), 5),
    refused(/^list: null where/),
  )
  assert.throws(() => int32.nullable(), /no null/)
})

test('errors name the way to the field', () => {
  assert.throws(
    () => decoded(sample, '00000000 00000001 0005 6161'.replaceAll(' ', ''), 1),
    refused(/^items: label: string needs 5 bytes, but 2 are left$/),
  )
  assert.throws(() => decoded(sample, '000000007fffffff', 2), refused(/^items: array of 2147483647 elements/))
})

test('tagged fields: in ascending order, left out at their fallbacks, unknown ones kept', () => {
  const unknownTags = [
    { tag: 9, data: Buffer.from('ff', 'hex') },
    { tag: 1, data: Buffer.alloc(0) },
  ]
  const value = { extra: 'x', leader: { node: 3 }, list: [1], unknownTags }
  const tail = '04 00 02 0278 01 00 03 03 020001 09 01 ff'.replaceAll(' ', '')
  assert.equal(encoded(sample, value, 5), `000005${'6e6f6e65'}01${tail}`)
  const back = decoded(sample, encoded(sample, value, 6), 6)
  const inOrder = unknownTags.toReversed()
  assert.deepEqual(back, { ...EMPTY, ...value, leader: { node: 3, epoch: -1 }, unknownTags: inOrder })
  for (const leader of [{}, { node: -1 }, { node: -1, epoch: -1 }]) {
    assert.equal(encoded(sample, { leader, extra: null, list: [] }, 6), encoded(sample, {}, 6))
  }
})

test('a tag that its version does not know yet is an unknown one', () => {
  const hex = encoded(sample, { leader: { node: 1, epoch: 2 } }, 6)
  const back = decoded(sample, hex, 5)
  assert.deepEqual(back.leader, EMPTY.leader)
  assert.deepEqual(back.unknownTags, [{ tag: 2, data: Buffer.from('000000010000000200', 'hex') }])
  assert.equal(encoded(sample, back, 5), hex)
})

test('a tagged field keeps to its own bytes, and their number to a limit', () => {
  const body = '00000101'
  assert.throws(() => decoded(sample, `${body}010003027800`, 5), refused(/^extra: 1 bytes too many/))
  assert.throws(() => decoded(sample, `${body}0100010278`, 5), refused(/^extra: string needs 1 bytes, but 0/))
  const tags = (count: number) =>
    Array.from({ length: count }, (_, i) => Buffer.of(i + 10, 0).toString('hex'))
  const most = `${body}${Buffer.of(MAX_TAGGED_FIELDS).toString('hex')}${tags(MAX_TAGGED_FIELDS).join('')}`
  assert.equal(decoded(sample, most, 5).unknownTags?.length, MAX_TAGGED_FIELDS)
  assert.throws(() => decoded(sample, `${body}41${tags(65).join('')}`, 5), refused(/^65 tagged fields/))
})

test('byte fields are views', () => {
  const blob = message(9, { data: bytes.nullable() })
  const frame = Buffer.from('0000000161', 'hex')
  const { data } = blob.decode(new Reader(frame), 0)
  frame.fill(0x62)
  assert.equal(data?.toString(), 'b')
  assert.equal(blob.decode(new Reader(Buffer.from('ffffffff', 'hex')), 0).data, null)
})

test('fallbacks are shared, so nobody can write to them', () => {
  const value = decoded(sample, encoded(sample, {}, 5), 5)
  assert.throws(() => value.list.push(1), TypeError)
  assert.throws(() => (value.leader.node = 5), TypeError)
  assert.deepEqual(decoded(sample, encoded(sample, {}, 5), 5).list, [])
})
