import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readName, spells } from '#protocol/names.ts'

const read = (bytes: Buffer) => readName(bytes, 0, bytes.length)

test('bytes spell a text when each is its character, in ASCII', () => {
  const bytes = Buffer.from('a topic!')
  assert.ok(spells('topic', bytes, 2, 7))
  assert.ok(spells('', bytes, 3, 3))
  assert.ok(!spells('topic!', bytes, 2, 7))
  assert.ok(!spells('tobic', bytes, 2, 7))
  assert.ok(!spells('\u00e9', Buffer.from([0xe9]), 0, 1), 'a byte of Latin-1 is no UTF-8')
  assert.ok(!spells('\u00e9', Buffer.from('\u00e9'), 0, 2), 'left to the decoder')
})

test('a name is what its bytes say, seen before or not, however many names there are', () => {
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 20_000; i++) {
      const name = `orders.${i}.eu`
      assert.equal(read(Buffer.from(name)), name)
    }
  }
})

test('bytes that are no ASCII are decoded as UTF-8 each time', () => {
  for (const name of ['\u00e9t\u00e9', '\u00e9', '\u4e16\u754c', '\u{1f600}', 'x'.repeat(65), '']) {
    for (let round = 0; round < 2; round++) assert.equal(read(Buffer.from(name)), name)
  }
  const broken = Buffer.from([0xe9, 0x78])
  for (let round = 0; round < 2; round++) assert.equal(read(broken), broken.toString())
})

test('names of the same length whose places are the same are not taken for each other', () => {
  const names = ['Aa', 'BB', 'AaAa', 'BBBB', 'AaBB', 'BBAa']
  for (const name of [...names, ...names]) assert.equal(read(Buffer.from(name)), name)
})
