import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { type ProxyHeader, readProxyHeader } from '#gateway/proxy-protocol.ts'
import { ProtocolError } from '#protocol/reader.ts'
import { attempt } from '#test/fuzz/bounds.ts'
import { anyBytes, mutate } from '#test/fuzz/mutate.ts'
import type { Target } from '#test/fuzz/target.ts'
import type { Random } from '#test/simulation/random.ts'

/** The longest header: v2 with 4096 bytes of addresses and TLVs. */
const LONGEST = 16 + 4096

/** The header before a client's first byte: the same reading however much of it has come. */
export function proxyTarget(readHeader = readProxyHeader): Target {
  const read = (bytes: Buffer) => reading(bytes, readHeader)
  return {
    name: 'PROXY header',
    weight: 2,
    run(random, note) {
      const valid = anyHeader(random)
      const header = random.chance(0.2) ? valid : hostileHeader(valid, random)
      const bytes = Buffer.concat([header, anyBytes(random, random.pick([0, 1, 50]))])
      note('bytes', bytes)
      const whole = read(bytes)
      if (header === valid)
        assert.equal(typeof whole === 'object' && whole?.length, header.length, String(whole))
      if (whole !== null && typeof whole === 'object') {
        assert.ok(whole.length <= Math.min(bytes.length, LONGEST), `${whole.length} bytes of ${bytes.length}`)
        assert.ok(whole.address === null || isIP(whole.address) > 0, `"${whole.address}" is no address`)
      }
      checkPrefixes(bytes, whole, random, read)
    },
  }
}

function hostileHeader(valid: Buffer, random: Random): Buffer {
  if (random.chance(0.1)) return anyBytes(random, random.whole(0, 60))
  // Around the longest line that version 1 allows, 107 bytes.
  if (random.chance(0.1)) return Buffer.from(`PROXY UNKNOWN ${'x'.repeat(random.whole(85, 120))}\r\n`)
  return mutate(valid, anyHeader(random), random)
}

type Reading = ProxyHeader | 'refused' | null

function reading(bytes: Buffer, readHeader: typeof readProxyHeader): Reading {
  const result = attempt(bytes.length, () => {
    try {
      return readHeader(bytes)
    } catch (error) {
      if (error instanceof ProtocolError) return 'refused'
      throw error
    }
  })
  return result!.value
}

/** More bytes may decide what was open, and never change what was decided. */
function checkPrefixes(
  bytes: Buffer,
  whole: Reading,
  random: Random,
  read: (bytes: Buffer) => Reading,
): void {
  let decided: Reading = null
  const step = bytes.length > 200 ? random.whole(1, 100) : 1
  for (let length = 0; length <= bytes.length; length += step) {
    const now = read(bytes.subarray(0, length))
    if (decided !== null) assert.deepStrictEqual(now, decided, `after ${length} bytes`)
    decided = now
  }
  if (decided !== null) assert.deepStrictEqual(whole, decided, 'in one piece it reads differently')
  if (whole === null) assert.ok(bytes.length < LONGEST, `${bytes.length} bytes and still undecided`)
}

const ADDRESSES4 = ['10.0.0.1 10.0.0.2', '255.255.255.255 0.0.0.0']
const ADDRESSES6 = ['::1 ::1', '2001:db8::7 fe80::1', '::ffff:10.0.0.1 ::1']

function anyHeader(random: Random): Buffer {
  const kind = random.whole(0, 3)
  if (kind === 0) {
    const [family, addresses] = random.pick([
      ['TCP4', random.pick(ADDRESSES4)],
      ['TCP6', random.pick(ADDRESSES6)],
    ])
    return Buffer.from(`PROXY ${family} ${addresses} ${random.whole(0, 65535)} ${random.whole(0, 65535)}\r\n`)
  }
  if (kind === 1) return Buffer.from(random.pick(['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ::1 ::1 1 2\r\n']))
  return v2Header(random)
}

function v2Header(random: Random): Buffer {
  const [family, size] = random.pick([
    [0x11, 12],
    [0x21, 36],
    [0x31, 216],
    [0x00, 0],
  ] as const)
  const rest = anyBytes(random, size + random.pick([0, 0, 7, 300, 3800]))
  const head = Buffer.from('0d0a0d0a000d0a515549540a21000000', 'hex')
  if (random.chance(0.2)) head[12] = 0x20
  head[13] = family
  head.writeUInt16BE(rest.length, 14)
  return Buffer.concat([head, rest])
}
