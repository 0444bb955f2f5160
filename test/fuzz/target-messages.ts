import assert from 'node:assert/strict'
import { RequestReader } from '#gateway/request-reader.ts'
import { findApi, requestHeaderVersion } from '#protocol/apis.ts'
import { decodeResponse, encodeRequest, finishRequestHeader, readRequestHeader } from '#protocol/header.ts'
import { ProtocolError, Reader } from '#protocol/reader.ts'
import type { Message } from '#protocol/schema.ts'
import { attempt, countElements, hasReplacements } from '#test/fuzz/bounds.ts'
import { encode, fixture } from '#test/fuzz/fixtures.ts'
import { anyVersion, codecs } from '#test/fuzz/messages.ts'
import { anyBytes, mutate } from '#test/fuzz/mutate.ts'
import type { Note, Target } from '#test/fuzz/target.ts'
import type { Random } from '#test/simulation/random.ts'

const CLIENT_IDS = [null, '', 'client', 'x'.repeat(300), 'ä€🦆']

/** What a peer might send for this message: as it should be, nearly so, or anything. */
export function bytesFor(message: Message<any>, version: number, random: Random): Buffer {
  if (random.chance(0.1)) return anyBytes(random, random.whole(0, 200))
  if (random.chance(0.001)) return manyElements(random)
  const valid = fixture(message, version, random).bytes
  const other = fixture(message, version, random).bytes
  return mutate(valid, other, random, (reader) => message.decode(reader, version))
}

/** An array of as many elements as the bytes behind it could be, each as small as can be. */
function manyElements(random: Random): Buffer {
  const bytes = Buffer.alloc(random.pick([10_000, 300_000, 1_000_000]), random.pick([0, 0, 1]))
  const count = Math.floor(bytes.length / random.pick([1, 2, 3, 8]))
  const at = random.pick([0, 0, 2, 4, 6, 8, 12])
  if (random.chance(0.5)) bytes.writeInt32BE(count, at)
  else bytes.set([(count & 0x7f) | 0x80, ((count >> 7) & 0x7f) | 0x80, (count >> 14) & 0x7f], at)
  return bytes
}

/** What was read must be what a second reading of its own encoding says. */
function checkRoundTrip(message: Message<any>, version: number, value: unknown): void {
  if (hasReplacements(value)) return
  const once = encode(message, value, version)
  const reader = new Reader(once)
  const again = message.decode(reader, version)
  assert.equal(reader.remaining, 0, 'an encoding has bytes too many')
  sortTags(value)
  assert.deepStrictEqual(again, value, 'encoded and decoded, it is something else')
  assert.deepStrictEqual(encode(message, again, version), once, 'encoded twice, the bytes differ')
}

/** Unknown tags are written in the order of their numbers, whatever order they came in. */
function sortTags(value: any): void {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return
  value.unknownTags?.sort((a: { tag: number }, b: { tag: number }) => a.tag - b.tag)
  for (const each of Object.values(value)) sortTags(each)
}

function checkHostile(message: Message<any>, version: number, bytes: Buffer, makeReader: () => Reader): void {
  const read = attempt(bytes.length, () => message.decode(makeReader(), version))
  if (!read) return
  const elements = countElements(read.value, bytes)
  assert.ok(elements <= bytes.length, `${elements} elements from ${bytes.length} bytes`)
  checkRoundTrip(message, version, read.value)
}

function checkValid(message: Message<any>, version: number, random: Random, note: Note): void {
  const { value, bytes } = fixture(message, version, random)
  note(`valid, version ${version}`, bytes)
  const reader = new Reader(bytes)
  assert.deepStrictEqual(message.decode(reader, version), value)
  assert.equal(reader.remaining, 0)
  checkRoundTrip(message, version, value)
}

export const requestTarget: Target = {
  name: 'request',
  weight: 6,
  run(random, note) {
    const { api, request } = random.pick(codecs)
    const version = anyVersion(api, random)
    note(api.name)
    if (random.chance(0.1)) return checkValid(request, version, random, note)
    const bytes = bytesFor(request, version, random)
    const read = random.chance(0.1) ? anyVersion(api, random) : version
    note(`version ${read}`, bytes)
    const Kind = random.chance(0.5) ? RequestReader : Reader
    checkHostile(request, read, bytes, () => new Kind(bytes))
  },
}

export const responseTarget: Target = {
  name: 'response',
  weight: 5,
  run(random, note) {
    const { api, response } = random.pick(codecs)
    const version = anyVersion(api, random)
    note(api.name)
    if (random.chance(0.1)) return checkValid(response, version, random, note)
    const body = bytesFor(response, version, random)
    const frame = Buffer.concat([Buffer.alloc(random.pick([0, 1, 3, 4, 4, 4, 4, 4, 5])), body])
    note(`version ${version}, behind the header`, frame)
    attempt(frame.length, () => decodeResponse(api, response, version, frame))
    checkHostile(response, version, body, () => new Reader(body))
  },
}

/** A whole request frame, as gateway/dispatch.ts takes it apart. */
export const headerTarget: Target = {
  name: 'request header',
  weight: 3,
  run(random, note) {
    const { api, request } = random.pick(codecs)
    const apiVersion = anyVersion(api, random)
    const header = {
      apiVersion,
      correlationId: random.whole(-(2 ** 31), 2 ** 31 - 1),
      clientId: random.pick(CLIENT_IDS),
    }
    const { value } = fixture(request, apiVersion, random)
    const frame = encodeRequest(api, request, header, value).subarray(4)
    note(`${api.name} ${apiVersion}`, frame)
    const read = new Reader(frame)
    assert.deepStrictEqual(readRequestHeader(read), { apiKey: api.key, ...header })
    finishRequestHeader(read, api, apiVersion)
    assert.deepStrictEqual(request.decode(read, apiVersion), value)
    assert.equal(read.remaining, 0)
    // The changes are meant for the header: what comes behind it has its own targets.
    const head = frame.length - encode(request, value, apiVersion).length
    const hostile = random.chance(0.1)
      ? anyBytes(random, random.whole(0, 40))
      : Buffer.concat([mutate(frame.subarray(0, head), frame, random, readHead), frame.subarray(head)])
    note('made hostile', hostile)
    attempt(hostile.length, () => readFrame(hostile))
  },
}

function readHead(reader: Reader): void {
  const { apiKey, apiVersion } = readRequestHeader(reader)
  const api = findApi(apiKey)
  if (api && requestHeaderVersion(api, apiVersion) === 2) reader.skipTags()
}

function readFrame(frame: Buffer): void {
  const reader = new RequestReader(frame)
  const header = readRequestHeader(reader)
  const codec = codecs.find(({ api }) => api.key === header.apiKey)
  if (!codec) return
  const { api, request } = codec
  if (header.apiVersion < api.codec.min || header.apiVersion > api.codec.max) return
  finishRequestHeader(reader, api, header.apiVersion)
  const value = request.decode(reader, header.apiVersion)
  if (reader.position > reader.end) throw new Error('read behind the end')
  if (value === null) throw new ProtocolError('no body')
}
