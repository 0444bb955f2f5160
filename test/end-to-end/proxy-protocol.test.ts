import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { RawClient } from '#test/support/raw-client.ts'

const V2_SIGNATURE = '0d0a0d0a000d0a515549540a'
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** Header, and the address that the gateway must take for the client's. */
const GOOD: Record<string, [Buffer, string]> = {
  'v1, IPv4': [Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 40000 9092\r\n'), '192.0.2.7'],
  'v1, IPv6': [Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 40000 9092\r\n'), '2001:db8::7'],
  'v1, unknown': [Buffer.from('PROXY UNKNOWN\r\n'), '127.0.0.1'],
  'v2, IPv4': [hex(`${V2_SIGNATURE} 21 11 000c c0000208 c0000201 9c40 2384`), '192.0.2.8'],
  'v2, IPv4 with TLVs': [
    hex(`${V2_SIGNATURE} 21 11 0010 c0000209 c0000201 9c40 2384 04 0001 00`),
    '192.0.2.9',
  ],
  'v2, IPv6': [
    hex(
      `${V2_SIGNATURE} 21 21 0024 20010db8000000000000000000000008 20010db8000000000000000000000001 9c40 2384`,
    ),
    '2001:db8:0:0:0:0:0:8',
  ],
  'v2, LOCAL': [hex(`${V2_SIGNATURE} 20 00 0000`), '127.0.0.1'],
}
const BAD: Record<string, Buffer> = {
  'no header at all': hex('0000001a 0012 0000 00000001'),
  'v1 without an end': Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`),
  'v1 with a broken port': Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 forty 9092\r\n'),
  'v2 of another version': hex(`${V2_SIGNATURE} 31 11 000c c0000208 c0000201 9c40 2384`),
  'v2 too short for its addresses': hex(`${V2_SIGNATURE} 21 11 0004 c0000208`),
  'v2 of 60,000 bytes': hex(`${V2_SIGNATURE} 21 11 ea60`),
}

describe('PROXY protocol', () => {
  let gateway: Gateway

  before(async () => {
    gateway = await startGateway({
      clusters: { c: '127.0.0.1:1' },
      routes: { t: 'c' },
      settings: { listeners: [{ name: 'public', bind: '127.0.0.1:0', proxyProtocol: 'required' }] },
    })
  })
  after(async () => {
    await gateway?.close()
  })

  for (const [name, [header, address]] of Object.entries(GOOD)) {
    test(`${name}: the client is ${address}, and its requests are answered`, async () => {
      const client = await RawClient.connect(gateway.port)
      client.clientId = `proxied ${name}`
      // Byte by byte, as a slow network may bring it.
      for (const byte of header) {
        client.send(Buffer.from([byte]))
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.equal((await client.request('apiVersions', 0, {})).errorCode, 0)
      await client.close()
      await gateway.running.waitForLine(
        new RegExp(`"client":"${address}","clientId":"proxied ${name}"`),
        10_000,
      )
    })
  }

  for (const [name, header] of Object.entries(BAD)) {
    test(`${name}: closed with a logged reason`, async () => {
      const counted = async () => (await gateway.state()).nodes['gw-test']!.closed.bad_proxy_header ?? 0
      const before = await counted()
      const client = await RawClient.connect(gateway.port)
      client.send(header)
      await client.closed
      await gateway.waitFor(
        'counted',
        ({ nodes }) => (nodes['gw-test']!.closed.bad_proxy_header ?? 0) > before,
      )
    })
  }
})
