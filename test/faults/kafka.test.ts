import { after, before, describe, test } from 'node:test'
import { KAFKA_ROWS } from '#test/faults/kafka-rows.ts'
import { KafkaStage } from '#test/faults/kafka-stage.ts'

describe('faults of real brokers, and of the wires to them', () => {
  let stage: KafkaStage

  before(async () => {
    stage = await KafkaStage.open()
  })
  after(async () => {
    await stage?.close()
  })

  for (const { number, name, run } of KAFKA_ROWS) {
    // Too long for this, and row 33 is a rolling restart too.
    if (number === 'rolling') continue
    test(`row ${number}: ${name}`, async (t) => t.diagnostic(await run(stage)))
  }
})
