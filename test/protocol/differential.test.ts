import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Api, apiList, requestHeaderVersion, responseHeaderVersion } from '#protocol/apis.ts'
import { Errors, isRetriable } from '#protocol/errors.ts'
import {
  decodeResponse,
  encodeRequest,
  encodeResponse,
  finishRequestHeader,
  readRequestHeader,
} from '#protocol/header.ts'
import { ProtocolError, Reader } from '#protocol/reader.ts'
import type { Message } from '#protocol/schema.ts'
import { Writer } from '#protocol/writer.ts'
import { codecs } from '#test/fuzz/messages.ts'
import { KafkaClasses, kafkaJson } from '#test/support/kafka-classes.ts'
import {
  canBeNull,
  type FieldGrammar,
  fieldName,
  Generator,
  type Grammar,
  inRange,
  mapStructs,
  onlyIn,
  type Struct,
  seeded,
  thinOut,
  withUnknownTags,
} from '#test/support/random-message.ts'

/**
 * Our codecs against Kafka's own classes: random messages of every API, version and direction must become
 * the same bytes on both sides. SEED=N repeats a run.
 */
const SEED = process.env.SEED ?? String(Math.floor(Math.random() * 1e9))
const ROUNDS = 60
const CLIENTS = ['3.9.2', '4.4.0']

/** One API in one version and one direction, on both sides. */
interface Case {
  kafka: KafkaClasses
  api: Api
  name: string
  message: Message<any>
  version: number
  flexible: boolean
  fields: FieldGrammar[]
}

/** The versions that this Kafka has in common with our table. */
async function casesOf(kafka: KafkaClasses, api: Api, direction: 'request' | 'response'): Promise<Case[]> {
  const { [direction]: message } = codecs.find((each) => each.api === api)!
  const name = `${api.name}${direction === 'request' ? 'Request' : 'Response'}`
  const grammar: Grammar = (await kafka.ask({ do: 'grammar', name })).grammar
  const fields = knownFields(grammar.fields, api)
  return versionsOf(api)
    .filter((version) => inRange(grammar.validVersions, version))
    .map((version) => {
      const flexible = inRange(grammar.flexibleVersions, version)
      return { kafka, api, name, message, version, flexible, fields }
    })
}

function versionsOf({ codec: { min, max } }: Api): number[] {
  return Array.from({ length: max - min + 1 }, (_, i) => min + i)
}

/** Without the fields that none of our versions carries. */
function knownFields(fields: FieldGrammar[], api: Api): FieldGrammar[] {
  return fields
    .filter((field) => versionsOf(api).some((version) => inRange(field.versions, version)))
    .map((field) => (field.fields ? { ...field, fields: knownFields(field.fields, api) } : field))
}

function generatorOf({ name, version }: Case, round: number): Generator {
  return new Generator(seeded(`${SEED} ${name} ${version} ${round}`), version)
}

function encode({ message, version }: Case, value: Struct): Buffer {
  const writer = new Writer()
  message.encode(writer, value, version)
  return writer.bytes()
}

function decode({ message, version }: Case, bytes: Buffer): Struct {
  const reader = new Reader(bytes)
  const value = message.decode(reader, version)
  assert.equal(reader.remaining, 0, 'bytes left behind the message')
  return value
}

/** What Kafka's classes make of a value. */
async function kafkaEncode(
  kafka: KafkaClasses,
  name: string,
  version: number,
  value: Struct,
): Promise<Buffer> {
  const { bytes } = await kafka.ask({ do: 'encode', name, version, value })
  return Buffer.from(bytes, 'base64')
}

function kafkaEncodeBody({ kafka, name, version, fields }: Case, value: Struct): Promise<Buffer> {
  return kafkaEncode(kafka, name, version, onlyIn(fields, value, version))
}

/** Kafka's classes read all of the bytes, and write them again just so. */
async function kafkaKeeps(kafka: KafkaClasses, name: string, version: number, bytes: Buffer): Promise<void> {
  const kept = await kafka.ask({ do: 'decode', name, version, bytes })
  assert.equal(kept.left, 0, 'bytes left behind the message by Kafka')
  assert.equal(kept.bytes, bytes.toString('base64'))
}

async function compareBody(one: Case, value: Struct, generator: Generator): Promise<void> {
  const { kafka, name, version, fields } = one
  const theirs = await kafkaEncodeBody(one, value)
  const sparse = thinOut(fields, value, version, () => generator.below(100) / 100)
  assert.equal(encode(one, sparse).toString('hex'), theirs.toString('hex'))
  const decoded = decode(one, theirs)
  assert.deepEqual(decoded, value)
  assert.equal(encode(one, decoded).toString('hex'), theirs.toString('hex'))

  const tagged = one.flexible ? withUnknownTags(fields, value, version, generator) : value
  const ours = encode(one, tagged)
  await kafkaKeeps(kafka, name, version, ours)
  assert.deepEqual(decode(one, ours), tagged)
}

/** Header and body together, as they stand on the wire behind the length. */
async function compareRequestFrame(one: Case, headerVersion: number, generator: Generator): Promise<void> {
  const { kafka, api, message, version } = one
  const header = {
    apiVersion: version,
    correlationId: generator.below(2 ** 32) - 2 ** 31,
    clientId: generator.chance(0.2) ? null : generator.string(),
  }
  const theirs = { requestApiKey: api.key, requestApiVersion: version, ...header }
  const bytes = await kafkaEncode(kafka, 'RequestHeader', headerVersion, theirs)
  const body = generator.struct(one.fields)
  const frame = encodeRequest(api, message, header, body)
  assert.equal(frame.toString('hex'), framed(bytes, encode(one, body)).toString('hex'))

  for (const header of headerVersion === 2 ? [bytes, withTags(bytes)] : [bytes]) {
    await kafkaKeeps(kafka, 'RequestHeader', headerVersion, header)
    const reader = new Reader(header)
    const { apiKey, ...rest } = readRequestHeader(reader)
    finishRequestHeader(reader, api, version)
    assert.deepEqual({ requestApiKey: apiKey, requestApiVersion: version, ...rest }, theirs)
    assert.equal(reader.remaining, 0)
  }
}

async function compareResponseFrame(one: Case, headerVersion: number, generator: Generator): Promise<void> {
  const { kafka, api, message, version } = one
  const correlationId = generator.below(2 ** 32) - 2 ** 31
  const bytes = await kafkaEncode(kafka, 'ResponseHeader', headerVersion, { correlationId })
  const body = generator.struct(one.fields)
  const frame = encodeResponse(api, message, version, correlationId, body)
  assert.equal(frame.toString('hex'), framed(bytes, encode(one, body)).toString('hex'))

  for (const header of headerVersion === 1 ? [bytes, withTags(bytes)] : [bytes]) {
    await kafkaKeeps(kafka, 'ResponseHeader', headerVersion, header)
    const answer = framed(header, encode(one, body)).subarray(4)
    assert.deepEqual(decodeResponse(api, message, version, answer), body)
  }
}

function framed(header: Buffer, body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(header.length + body.length)
  return Buffer.concat([length, header, body])
}

/** Two unknown tags in place of the empty section that ends a header. */
function withTags(header: Buffer): Buffer {
  return Buffer.concat([header.subarray(0, -1), Buffer.from([2, 5, 3, 1, 2, 3, 0x80, 0x01, 0])])
}

/** Null in place of one field, as a value and as bytes: taken or refused on both sides. */
async function compareNull(one: Case, { field, holder, tagged }: Holding): Promise<void> {
  const { kafka, name, version, fields } = one
  const dense = new Generator(seeded(SEED), version, true).struct(fields)
  const key = fieldName(field)
  const set = (given: unknown) =>
    mapStructs(fields, dense, version, (struct, known) => {
      if (known === holder && given !== undefined) struct[key] = given
    })
  const allowed = inRange(field.nullableVersions, version)
  const withNull = set(null)
  if (allowed) {
    assert.deepEqual(decode(one, await kafkaEncodeBody(one, withNull)), withNull)
    return
  }
  await assert.rejects(kafkaEncodeBody(one, withNull), /Exception/)
  assert.throws(() => encode(one, withNull), RangeError)
  if (tagged) return // its length stands behind the length of the tag
  const content = { string: 'a', bytes: Buffer.of(0), records: Buffer.of(0) }[field.type]
  const empty = { string: '', bytes: Buffer.alloc(0), records: Buffer.alloc(0) }[field.type] ?? []
  const bytes = nullAt(encode(one, set(empty)), encode(one, set(content)), one.flexible, field.type)
  await assert.rejects(kafkaKeeps(kafka, name, version, bytes), /null/)
  assert.throws(() => decode(one, bytes), ProtocolError)
}

/** `empty` and `filled` differ first in the last byte of a length: makes that length a null. */
function nullAt(empty: Buffer, filled: Buffer, flexible: boolean, type: string): Buffer {
  const last = empty.findIndex((byte, at) => byte !== filled[at])
  const bytes = Buffer.from(empty)
  if (flexible) return bytes.fill(0, last, last + 1)
  return bytes.fill(0xff, last - (type === 'string' ? 1 : 3), last + 1)
}

interface Holding {
  field: FieldGrammar
  /** All fields of the struct that holds it. */
  holder: FieldGrammar[]
  /** It stands in a tagged field, or is one. */
  tagged: boolean
}

/** Every field that has a null on the wire. */
function fieldsWithNull(holder: FieldGrammar[], version: number, within = false): Holding[] {
  return holder
    .filter((field) => inRange(field.versions, version))
    .flatMap((field) => {
      const tagged = within || field.tag !== undefined
      const inner = fieldsWithNull(field.fields ?? [], version, tagged)
      return canBeNull(field.type) ? [{ field, holder, tagged }, ...inner] : inner
    })
}

/** Names seed, message and value when a comparison fails. */
async function explain({ kafka, name, version }: Case, value: unknown, check: Promise<void>): Promise<void> {
  try {
    await check
  } catch (cause) {
    const text = kafkaJson(value).slice(0, 3000)
    throw new Error(`${name} v${version}, kafka-clients ${kafka.version}, SEED=${SEED}: ${text}`, { cause })
  }
}

const started: KafkaClasses[] = []
before(async () => {
  const starts = await Promise.allSettled(CLIENTS.map((version) => KafkaClasses.start(version)))
  for (const start of starts) if (start.status === 'fulfilled') started.push(start.value)
  for (const start of starts) if (start.status === 'rejected') throw start.reason
})
after(() => Promise.all(started.map((kafka) => kafka.stop())))

test('all APIs are compared, and the two Kafkas together know all their versions', async () => {
  assert.deepEqual(
    codecs.map(({ api }) => api),
    apiList,
  )
  for (const { api } of codecs) {
    for (const direction of ['request', 'response'] as const) {
      const cases = await Promise.all(started.map((kafka) => casesOf(kafka, api, direction)))
      const versions = new Set(cases.flat().map(({ version }) => version))
      assert.deepEqual(
        [...versions].sort((a, b) => a - b),
        versionsOf(api),
        `${api.name} ${direction}`,
      )
    }
  }
})

for (const [index, client] of CLIENTS.entries()) {
  describe(`kafka-clients ${client}`, () => {
    for (const { api } of codecs) {
      for (const direction of ['request', 'response'] as const) {
        test(`${api.name} ${direction}`, async () => {
          for (const one of await casesOf(started[index]!, api, direction)) {
            const rounds = Array.from({ length: ROUNDS }, (_, round) => {
              const generator = generatorOf(one, round)
              const value = generator.struct(one.fields)
              return explain(one, value, compareBody(one, value, generator))
            })
            await Promise.all(rounds)
          }
        })
      }
    }

    test('request and response headers', async () => {
      const kafka = started[index]!
      const table: Record<string, Record<string, [1 | 2, 0 | 1]>> = await kafka.ask({ do: 'apis' })
      for (const { api } of codecs) {
        for (const [version, [forRequest, forResponse]] of Object.entries(table[api.key]!)) {
          assert.equal(requestHeaderVersion(api, Number(version)), forRequest, `${api.name} v${version}`)
          assert.equal(responseHeaderVersion(api, Number(version)), forResponse, `${api.name} v${version}`)
        }
        for (const direction of ['request', 'response'] as const) {
          const compare = direction === 'request' ? compareRequestFrame : compareResponseFrame
          for (const one of await casesOf(kafka, api, direction)) {
            const headerVersion = table[api.key]![one.version]![direction === 'request' ? 0 : 1]
            for (let round = 0; round < 5; round++) {
              await explain(one, round, compare(one, headerVersion, generatorOf(one, round)))
            }
          }
        }
      }
    })

    test('null is taken where Kafka takes it, and refused where Kafka refuses it', async () => {
      let compared = 0
      for (const { api } of codecs) {
        for (const direction of ['request', 'response'] as const) {
          for (const one of await casesOf(started[index]!, api, direction)) {
            for (const holding of fieldsWithNull(one.fields, one.version)) {
              await explain(one, holding.field.name, compareNull(one, holding))
              compared++
            }
          }
        }
      }
      assert.ok(compared > 300, `${compared} fields`)
    })

    test('error codes', async () => {
      const theirs: Record<string, { code: number; retriable: boolean }> = await started[index]!.ask({
        do: 'errors',
      })
      const ours = Object.entries(Errors)
        .filter(([name]) => name in theirs)
        .map(([name, code]) => [name, { code, retriable: isRetriable(code) }])
      assert.deepEqual(Object.fromEntries(ours), theirs)
    })
  })
}

test('no error code is made up', async () => {
  const theirs = await Promise.all(started.map((kafka) => kafka.ask({ do: 'errors' })))
  const known = new Set(theirs.flatMap((errors) => Object.keys(errors)))
  assert.deepEqual(
    Object.keys(Errors).filter((name) => !known.has(name)),
    [],
  )
})
