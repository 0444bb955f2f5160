import { test } from 'node:test'
import { UPGRADE_ROW } from '#test/faults/kafka-rows.ts'
import { KafkaStage } from '#test/faults/kafka-stage.ts'

test(`row ${UPGRADE_ROW.number}: ${UPGRADE_ROW.name}`, async (t) => {
  const stage = await KafkaStage.open(['3.9.2', '4.4.0'])
  t.after(() => stage.close())
  t.diagnostic(await UPGRADE_ROW.run(stage))
})
