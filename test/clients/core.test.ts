import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { apis } from '#protocol/apis.ts'
import { CLIENTS, settingsOf } from '#test/clients/matrix.ts'
import { runClient } from '#test/clients/run.ts'
import { Stage } from '#test/clients/stage.ts'
import { assertCriterion, type Ledger, ledgerOf } from '#test/support/criterion.ts'
import type { ProducerSpec } from '#test/support/producer-spec.ts'
import type { SniffedConnection } from '#test/support/sniffer.ts'

/** A core of the matrix; all of it is `npm run torment -- clients`. */
describe('clients, on a Kafka 3.9 and a 4.x cluster at once', () => {
  let stage: Stage
  const ledgers: Ledger[] = []

  before(async () => {
    stage = await Stage.open()
  })
  after(() => stage?.close())

  for (const [i, client] of CLIENTS.entries()) {
    const settings = settingsOf(client)
    const codecs = settings.filter(({ codec }) => codec !== client.defaults.codec)
    // Default, the other idempotence, and one codec: over all clients each codec has its turn.
    const chosen = [...settings.slice(0, 2), codecs[i % codecs.length]!]
    const names = chosen.map(({ name }) => name).join(', ')

    test(`${client.name} ${client.version}: ${names}`, async () => {
      for (const { setting, faults, ledger } of await runClient(stage, client, chosen, 200)) {
        assert.deepEqual(faults, [], setting.name)
        ledgers.push(ledger!)
      }
    })
  }

  for (const key of ['java-4.4', 'franz-go']) {
    const client = CLIENTS.find((each) => each.key === key)!

    test(`${client.name} ${client.version} asks ApiVersions 5 and does not reconnect for it`, async () => {
      const name = `steady.${key}`
      await stage.createTopics([name])
      const generate = { topics: [`one.${name}`, `two.${name}`], count: 300, partitions: 3, perSecond: 100 }
      const spec: ProducerSpec = { name, bootstrap: stage.bootstrap, generate }
      stage.sniffer.take()
      const outcomes = await client.produce(spec)
      const connections = stage.sniffer.take()
      ledgers.push(ledgerOf(spec, outcomes))
      assert.deepEqual(
        outcomes.filter(({ error }) => error !== null),
        [],
      )
      assertAskedAgain(connections)
      assert.ok(connections.length <= client.connections, `${connections.length} connections in 3 seconds`)
    })
  }

  test('nothing stands where it was not sent to', async () => {
    assert.ok(ledgers.length > 0)
    assertCriterion(ledgers, await stage.logs())
  })
})

/** Whoever asks for version 5 is told the highest, and asks for that on the same connection. */
function assertAskedAgain(connections: SniffedConnection[]): void {
  const { key, listed } = apis.apiVersions
  const asked = connections.filter(({ requests }) => requests[0]?.version === 5)
  assert.ok(asked.length > 0, 'it no longer asks for version 5: this test shows nothing')
  for (const { requests } of asked) {
    assert.deepEqual(requests.slice(0, 2), [
      { apiKey: key, version: 5 },
      { apiKey: key, version: listed!.max },
    ])
    assert.ok(requests.length > 2, 'and goes on')
  }
}
