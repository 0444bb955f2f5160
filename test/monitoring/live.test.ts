import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Sandbox } from '#sandbox/sandbox.ts'
import { sandboxOf } from '#test/end-to-end/reload-stage.ts'
import { fieldRows, fieldsOf } from '#test/monitoring/page-tables.ts'
import { promtool } from '#test/monitoring/promtool.ts'
import { familyOf, labelsOf, richPage } from '#test/monitoring/rich.ts'
import { produceOne } from '#test/sandbox/kit.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { withClient } from '#test/support/raw-client.ts'

describe('a node at work', () => {
  let sandbox: Sandbox
  let gateway: Gateway

  before(async () => {
    sandbox = await sandboxOf('eu', ['t.a'])
    gateway = await startGateway({ clusters: { eu: sandbox.bootstrap }, routes: { t: 'eu' } })
    await withClient(gateway.port, async (client) => {
      for (let i = 0; i < 5; i++) assert.equal((await produceOne(client, { topic: 't.a' })).errorCode, 0)
      assert.equal((await produceOne(client, { topic: 'unrouted' })).errorCode, 17)
      await gateway.waitFor('counted', ({ clusters, clients }) => {
        return clusters.eu!.totals.acks === 5 && clients.length > 0
      })
    })
    await gateway.waitFor('gone', ({ nodes }) => nodes['gw-test']!.closed.client_closed! > 0)
  })
  after(async () => {
    await gateway?.close()
    await sandbox?.close()
  })

  test('its metrics are as Prometheus wants them, and those that are known', async () => {
    const page = await gateway.metrics()
    assert.deepEqual(promtool(['check', 'metrics'], page), { code: 0, output: '' })
    for (const [, name] of page.matchAll(/^(\w+)/gm)) assert.ok(familyOf(name!), name)
    const known = labelsOf(richPage())
    for (const [family, labels] of labelsOf(page)) {
      for (const label of labels) assert.ok(known.get(family)!.has(label), `${family}: ${label}`)
    }
    assert.match(page, /^sluice_topic_records_total\{cluster="eu",topic="t\.a"\} 5$/m)
    assert.match(page, /^sluice_refused_batches_total\{error="17"\} 1$/m)
  })

  test('every field of its state is on the page', async () => {
    const onPage = new Set(fieldRows().flatMap(({ paths }) => paths))
    const whole = (path: string) =>
      onPage.has(path) || [...onPage].some((each) => each.startsWith(`${path}.`))
    const unknown = fieldsOf(await gateway.state()).filter(([path, value]) => {
      // What is null, or a list without entries, hides its fields.
      return !(value === null || Array.isArray(value) ? whole(path) || whole(`${path}[]`) : onPage.has(path))
    })
    assert.deepEqual(unknown, [])
  })
})
