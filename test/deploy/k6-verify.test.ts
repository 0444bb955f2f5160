import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Kafka, logLevel } from '#fleet/kafkajs.ts'
import { runK6 } from '#test/load-stage/k6.ts'
import { type LogRecord, readLog } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { temporaryFolder } from '#test/support/processes.ts'

const SCRIPT = join(import.meta.dirname, 'k6-forged.ts')

/** Runs the script; between its last ack and its verification `tamper` has the cluster for itself. */
async function verdictAfter(t: TestContext, tamper: (cluster: KafkaCluster) => Promise<void>) {
  const cluster = await startCluster({ version: '4.4.0' })
  t.after(() => cluster.close())
  let tampered: Promise<void> | null = null
  const door = createServer((_request, response) => {
    tampered = tamper(cluster).finally(() => response.end())
    tampered.catch(() => {})
  })
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  t.after(() => door.close())
  const { code, output } = await runK6({
    script: SCRIPT,
    results: temporaryFolder('sluice-k6-'),
    env: {
      BROKERS: cluster.bootstrap,
      TAMPER: `http://127.0.0.1:${(door.address() as AddressInfo).port}/`,
    },
  })
  await tampered
  const [, told] = output.match(/verdict (\{.*\})/) ?? []
  assert.ok(told, output)
  return { code, verdict: JSON.parse(told.replaceAll('\\"', '"')) }
}

test('an untouched log is found to be right', async (t) => {
  const { code, verdict } = await verdictAfter(t, async () => {})
  const { faults, ...counts } = verdict
  assert.deepEqual(faults, [])
  assert.deepEqual(counts, {
    sent: 10,
    acknowledged: 10,
    stored: 10,
    lost: 0,
    duplicated: 0,
    outOfOrder: 0,
    misplaced: 0,
    changed: 0,
    unknown: 0,
  })
  assert.equal(code, 0)
})

test('lost, doubled, disordered, changed and foreign records are counted, and the run fails', async (t) => {
  const { code, verdict } = await verdictAfter(t, async (cluster) => {
    const records = await readLog(cluster.bootstrap, ['t'])
    // 0 to 3 are gone; then 6 and 5 once more, a record that nobody sent, and 2 and 1 as if they had come late.
    await cluster.withAdmin(async (admin) => {
      // kafkajs deletes from topics only that it has met.
      await admin.fetchTopicOffsets('t')
      await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset: '4' }] })
    })
    const foreign = { ...records[9]!, headers: withSequence(records[9]!, '10') }
    const forged = { ...records[1]!, value: Buffer.from('something else') }
    await write(cluster, [records[6]!, records[5]!, foreign, records[2]!, forged])
  })
  const { faults, ...counts } = verdict
  assert.deepEqual(
    counts,
    {
      sent: 10,
      acknowledged: 10,
      stored: 11,
      lost: 2,
      duplicated: 2,
      outOfOrder: 2,
      // 2 and 1 are there, but not where their acks said.
      misplaced: 2,
      changed: 1,
      unknown: 1,
    },
    faults.join('\n'),
  )
  assert.equal(faults.length, 10)
  assert.equal(code, 99, 'a threshold is broken')
})

function withSequence({ headers }: LogRecord, sequence: string): LogRecord['headers'] {
  return headers.map(([name, content]) => [name, name === 'sequence' ? Buffer.from(sequence) : content])
}

/** Straight to the cluster, in this order. */
async function write(cluster: KafkaCluster, records: LogRecord[]): Promise<void> {
  const kafka = new Kafka({ brokers: [cluster.bootstrap], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  const messages = records.map(({ key, value, headers }) => ({
    key,
    value,
    headers: Object.fromEntries(headers.map(([name, content]) => [name, content!])),
    partition: 0,
  }))
  await producer.send({ topic: 't', messages })
  await producer.disconnect()
}
