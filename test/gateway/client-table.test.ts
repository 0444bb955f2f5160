import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientSlot, ClientTable, type Introduced } from '#gateway/client-table.ts'

function join(table: ClientTable, id: string, address: string, software: string) {
  const connection: Introduced = { clientId: null, address, slot: null }
  table.introduce(connection, id, software)
  return connection
}

test('connections of one client are one, whatever their software is called apart', () => {
  const table = new ClientTable()
  const slots = [join(table, 'app', '10.0.0.1', 'kafkajs 2'), join(table, 'app', '10.0.0.1', 'kafkajs 2')]
  assert.equal(slots[0]!.slot, slots[1]!.slot)
  join(table, 'app', '10.0.0.1', 'librdkafka 2.3')
  join(table, 'app', '10.0.0.2', 'kafkajs 2')
  const report = table.report()
  assert.deepEqual(report.map(({ connections }) => connections).sort(), [1, 1, 2])
  const [most] = report
  assert.deepEqual([most!.id, most!.softwareName, most!.softwareVersion], ['app', 'kafkajs', '2'])
})

test('figures are of the time since the last report', () => {
  const table = new ClientTable()
  const slot = join(table, 'app', '10.0.0.1', '').slot!
  slot.batchesIn += 10
  slot.bytesIn += 1000
  assert.ok(table.report()[0]!.rates.bytesIn > 0)
  assert.equal(table.report()[0]!.rates.bytesIn, 0)
})

test('a client that has left is told once more if it sent something, and then forgotten', () => {
  const table = new ClientTable()
  const [busy, idle] = ['busy', 'idle'].map((id) => join(table, id, '10.0.0.1', ''))
  busy!.slot!.batchesIn++
  table.leave(busy!)
  table.leave(idle!)
  assert.deepEqual(
    table.report().map(({ id, connections }) => [id, connections]),
    [['busy', 0]],
  )
  assert.deepEqual(table.report(), [])
  assert.equal(join(table, 'busy', '10.0.0.1', '').slot!.batchesIn, 0)
})

test('the top 200 are reported, and those that are watched', () => {
  const table = new ClientTable()
  for (let i = 0; i < 300; i++) join(table, `c${i}`, '10.0.0.1', '').slot!.bytesIn = 1000 - i
  table.watched = new Set(['c299'])
  const names = table.report().map(({ id }) => id)
  assert.equal(names.length, 201)
  assert.ok(names.includes('c0') && names.includes('c199') && names.includes('c299'))
  assert.ok(!names.includes('c200'))
})

test('of thousands that send, the most are found, and those that are watched', () => {
  const table = new ClientTable()
  const send = (slot: ClientSlot, bytes: number) => {
    slot.batchesIn++
    slot.bytesIn += bytes
  }
  const slots = Array.from({ length: 3000 }, (_, i) => join(table, `c${i}`, '10.0.0.1', '').slot!)
  for (const slot of slots) send(slot, 5000)
  table.report()
  for (const [i, slot] of slots.entries()) if (i % 2 === 0) send(slot, i)
  table.watched = new Set(['c4', 'c5'])
  const report = table.report()
  assert.equal(report.length, 202)
  assert.deepEqual(
    report.slice(0, 200).map(({ id }) => id),
    Array.from({ length: 200 }, (_, i) => `c${2998 - 2 * i}`),
  )
  const rates = report.slice(200).map(({ id, rates }) => [id, rates.batchesIn > 0])
  assert.deepEqual(rates, [
    ['c4', true],
    ['c5', false],
  ])
})

test('beyond 10,000 clients the others are one without a name', () => {
  const table = new ClientTable()
  for (let i = 0; i < 10_000; i++) join(table, `c${i}`, '10.0.0.1', '')
  const [a, b] = [join(table, 'one more', '10.0.0.1', ''), join(table, 'and another', '10.0.0.1', '')]
  assert.equal(a.slot, b.slot)
  assert.deepEqual([a.slot!.id, a.slot!.connections], ['', 2])
})
