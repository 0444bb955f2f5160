import { startCluster } from '#test/support/kafka.ts'
import { startGateway } from '#test/support/gateway.ts'
import { RawClient, withClient } from '#test/support/raw-client.ts'
import { plainBatch } from '#test/support/batches.ts'
import { readFileSync } from 'node:fs'
import { Writer } from '#protocol/writer.ts'
import { finishFrame } from '#protocol/header.ts'

const cluster = await startCluster({ version: '4.4.0' })
await cluster.createTopics([{ topic: 't', partitions: 4 }, { topic: 'u', partitions: 1 }])
const gateway = await startGateway({ clusters: { c: cluster.bootstrap }, routes: {}, settings: { node: { id: 'gw-test', workers: 2 }, routes: [{ match: 'default', cluster: 'c' }] } })
const pids = () => readFileSync(`/proc/${gateway.running.pid}/task/${gateway.running.pid}/children`, 'utf8').trim()
console.log('workers', pids())
const body = (topic: string, index = 0) => ({ transactionalId: null, acks: -1, timeoutMs: 30000, topicData: [{ name: topic, partitionData: [{ index, records: plainBatch('x') }] }] })
const send = async (topic: string, index = 0) => withClient(gateway.port, async (c) => { const s = Date.now(); const a = await c.request('produce', 9, body(topic, index)).catch((e) => e.message); return [typeof a === 'string' ? a : a.responses[0]!.partitionResponses[0]!.errorCode, Date.now() - s] })
console.log('t', await send('t'))
for (const name of ['', 'a/b', 'x'.repeat(300), '__consumer_offsets', 'nope']) console.log(name.slice(0, 20), await send(name))
console.log('t/99', await send('t', 99), 't/-1', await send('t', -1))
// Metadata with invalid names
const raw = (name: Buffer) => { const w = new Writer(); w.int32(0); w.int16(3); w.int16(4); w.int32(1); w.int16(-1); w.int32(1); w.int16(name.length); w.raw(name); w.boolean(false); return finishFrame(w) }
for (const n of [Buffer.from('a/b'), Buffer.alloc(300, 0x61), Buffer.alloc(32767, 0xff)]) {
  await withClient(gateway.port, async (c) => { c.send(raw(n)); const f = await c.frame(8000).catch((e) => e.message); console.log('meta', n.length, typeof f === 'string' ? f : f.toString('hex').slice(0, 100)) })
  console.log('workers', pids())
}
// Produce with the same
const rawP = (name: Buffer) => { const w = new Writer(); w.int32(0); w.int16(0); w.int16(7); w.int32(1); w.int16(-1); w.int16(-1); w.int16(-1); w.int32(3000); w.int32(1); w.int16(name.length); w.raw(name); w.int32(1); w.int32(0); const b = plainBatch('q'); w.int32(b.length); w.raw(b); return finishFrame(w) }
await withClient(gateway.port, async (c) => { c.send(rawP(Buffer.alloc(32767, 0xff))); const f = await c.frame(8000).catch((e) => e.message); console.log('prod', typeof f === 'string' ? f : f.toString('hex').slice(0, 100)) })
console.log('workers', pids())
for (let i = 0; i < 6; i++) console.log('u', await send('u'))
console.log(gateway.log().split('\n').filter((l) => /warn|error|fatal|not learned/i.test(l)).slice(-20).map((l) => l.slice(0, 600)).join('\n'))
await gateway.close(); await cluster.close()
