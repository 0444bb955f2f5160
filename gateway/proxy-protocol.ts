import { isIP } from 'node:net'
import { ProtocolError } from '#protocol/reader.ts'

/**
 * The header that a load balancer puts before the first byte of a client: PROXY protocol v1 (text) and v2
 * (binary), haproxy's doc/proxy-protocol.txt.
 */
export interface ProxyHeader {
  /** Bytes that the header takes. */
  length: number
  /** The client's address, null when the balancer speaks for itself (LOCAL, UNKNOWN: health checks). */
  address: string | null
}

const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const V1_MAX_BYTES = 107
const V2_MAX_BYTES = 16 + 4096

/**
 * @returns null while more bytes are needed
 * @throws ProtocolError when the bytes cannot be a PROXY header
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | null {
  const compared = Math.min(bytes.length, V2_SIGNATURE.length)
  if (bytes.subarray(0, compared).equals(V2_SIGNATURE.subarray(0, compared))) return readV2(bytes)
  if ('PROXY '.startsWith(bytes.toString('latin1', 0, Math.min(bytes.length, 6)))) return readV1(bytes)
  throw new ProtocolError('the connection does not begin with a PROXY protocol header')
}

function readV1(bytes: Buffer): ProxyHeader | null {
  const end = bytes.subarray(0, V1_MAX_BYTES).indexOf('\r\n')
  if (end < 0) {
    if (bytes.length >= V1_MAX_BYTES) throw new ProtocolError(`PROXY v1 line is over ${V1_MAX_BYTES} bytes`)
    return null
  }
  const line = bytes.toString('latin1', 0, end)
  const [, family, source = ''] = line.split(' ')
  if (family === 'UNKNOWN') return { length: end + 2, address: null }
  const whole = /^PROXY TCP[46] [0-9a-fA-F.:]+ [0-9a-fA-F.:]+ \d{1,5} \d{1,5}$/.test(line)
  if (!whole || isIP(source) !== (family === 'TCP4' ? 4 : 6)) {
    throw new ProtocolError('PROXY v1 line is malformed')
  }
  return { length: end + 2, address: source }
}

function readV2(bytes: Buffer): ProxyHeader | null {
  if (bytes.length < 16) return null
  const versionAndCommand = bytes[12]!
  if (versionAndCommand >> 4 !== 2 || (versionAndCommand & 0xf) > 1) {
    throw new ProtocolError(`PROXY v2 version and command 0x${versionAndCommand.toString(16)} are unknown`)
  }
  const length = 16 + bytes.readUInt16BE(14)
  if (length > V2_MAX_BYTES) throw new ProtocolError(`PROXY v2 header of ${length} bytes`)
  if (bytes.length < length) return null
  if ((versionAndCommand & 0xf) === 0) return { length, address: null }
  return { length, address: v2Address(bytes, length) }
}

function v2Address(bytes: Buffer, length: number): string | null {
  const family = bytes[13]! >> 4
  const needed = family === 1 ? 12 : family === 2 ? 36 : 0
  if (length < 16 + needed)
    throw new ProtocolError(`PROXY v2 header of ${length} bytes has no room for addresses`)
  if (family === 1) return bytes.subarray(16, 20).join('.')
  if (family !== 2) return null
  const groups: string[] = []
  for (let at = 16; at < 32; at += 2) groups.push(bytes.readUInt16BE(at).toString(16))
  return groups.join(':')
}
