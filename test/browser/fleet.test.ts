import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type TestContext, test } from 'node:test'
import { byteRate, rate } from '#dashboard/format.ts'
import type { State } from '#status/contract.ts'
import { buildDashboard, Dashboard, openBrowser } from '#test/browser/page.ts'
import { Crowd } from '#test/fleet/crowd.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const NARROW = { width: 390, height: 844 }
const WIDE = { width: 1440, height: 1000 }

/** Elements that make the page scroll sideways; what scrolls by itself may be wider. */
const TOO_WIDE = `document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('*')]
  .filter((each) => each.getBoundingClientRect().right > innerWidth && !each.closest('.scroll'))
  .map((each) => each.outerHTML.slice(0, 200))`

interface Stage {
  fleet: FleetStage
  other: KafkaCluster
  dashboard: Dashboard
}

/** Two nodes, Redis and two real clusters under traffic, and a page that watches the first node. */
async function stage(t: TestContext): Promise<Stage> {
  buildDashboard()
  const [main, other] = await Promise.all([
    startCluster({ version: '4.4.0' }),
    startCluster({ version: '3.9.2' }),
  ])
  t.after(() => Promise.all([main.close(), other.close()]))
  await main.createTopics([{ topic: 'm.orders', partitions: 6 }])
  await other.createTopics([{ topic: 'o.clicks', partitions: 6 }])
  const clusters = { main: main.bootstrap, other: other.bootstrap }
  const fleet = await FleetStage.open({
    nodes: 2,
    workers: 1,
    clusters,
    routes: { 'm.': 'main', 'o.': 'other' },
  })
  t.after(() => fleet.close())
  await fleet.startNodes(['gw-1', 'gw-2'])
  await fleet.sees(2)
  for (const topic of ['m.orders', 'o.clicks']) {
    const crowd = await Crowd.start({ port: fleet.firstPort, topic, producers: 10, perSecond: 5 })
    t.after(() => crowd.close())
  }
  const browser = await openBrowser()
  t.after(() => browser.close())
  const url = `http://127.0.0.1:${fleet.gateways.get('gw-1')!.ports.admin}/`
  return { fleet, other, dashboard: await Dashboard.open(browser, url) }
}

const NODES = 'section[aria-labelledby=nodes] tbody'
const TOPICS = 'section[aria-labelledby=topics] tbody'

/** The page draws a frame a moment after it came: what it shows must be one of the last few states. */
async function assertEqualsState(dashboard: Dashboard): Promise<void> {
  const sum = ({ clusters }: State, figure: 'batchesIn' | 'acks') =>
    Object.values(clusters).reduce((all, { rates }) => all + rates[figure], 0)
  const bytesIn = ({ clusters }: State) =>
    Object.values(clusters).reduce((all, { rates }) => all + rates.bytesIn, 0)
  const connections = ({ nodes }: State) =>
    Object.values(nodes).reduce((all, node) => all + (node.state === 'gone' ? 0 : node.connections), 0)
  const of = (state: State) => [
    rate(sum(state, 'batchesIn')).text,
    rate(sum(state, 'acks')).text,
    byteRate(bytesIn(state)).text,
    `${connections(state)}`,
  ]
  const labels = ['Batches in', 'Acks', 'Bytes in', 'Connections']
  for (let tries = 0; ; tries++) {
    const shown = await Promise.all(labels.map((label) => dashboard.figure(label)))
    const told = dashboard.states.slice(-3).map(of)
    if (told.some((each) => each.every((text, i) => text === shown[i]))) return
    assert.ok(tries < 30, `the page shows ${shown}, the stream said ${JSON.stringify(told)}`)
    await dashboard.page.waitForTimeout(200)
  }
}

async function assertAccessible({ page }: Dashboard): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const size of [WIDE, NARROW]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(size)
      await page.waitForTimeout(500)
      await page.evaluate(`if (!window.axe) { ${AXE} }`)
      const { violations } = (await page.evaluate('axe.run()')) as any
      const serious = violations.filter(({ impact }: any) => impact === 'serious' || impact === 'critical')
      const told = serious.map(({ id, nodes }: any) => `${id}: ${nodes[0].html}`)
      assert.deepEqual(told, [], `${colorScheme}, ${size.width} px`)
      const tooWide = await page.evaluate(TOO_WIDE)
      assert.deepEqual(tooWide, [], `${size.width} px: the page is wider than the screen`)
    }
  }
  await page.setViewportSize(WIDE)
}

test('the page follows a fleet through its troubles', async (t) => {
  const { fleet, other, dashboard } = await stage(t)
  const { page } = dashboard
  await page.evaluate('globalThis.loadedOnce = true')

  await t.test('its numbers are those of the state', async () => {
    await dashboard.shows('Both nodes serving; both clusters up.')
    await dashboard.reads(`${TOPICS} tr`, (text) => /^(m\.orders|o\.clicks)/.test(text))
    await dashboard.reads(NODES, (text) => text.includes('gw-1') && text.includes('gw-2'))
    await assertEqualsState(dashboard)
    const state = await fleet.gateways.get('gw-1')!.state('fleet')
    assert.deepEqual(Object.keys(state.topics).sort(), ['m.orders', 'o.clicks'])
    const rows = await page.locator(`${TOPICS} tr`).allInnerTexts()
    assert.equal(rows.length, 2)
    assert.ok(
      rows.some((row) => /^m\.orders\s+main\s+prefix m\.\s+6\s/.test(row)),
      rows.join('\n'),
    )
  })

  await t.test('nothing serious is wrong with it for those who cannot see or point', () =>
    assertAccessible(dashboard),
  )

  await t.test('a node that was killed turns grey, with its age', async () => {
    await fleet.killNode('gw-2')
    await dashboard.reads(`${NODES} tr.old`, (text) => /gw-2.*gone, last seen \d+ s ago/s.test(text))
    await dashboard.shows(/1 of 2 nodes serving, 1 gone/)
    await assertEqualsState(dashboard)
  })

  await t.test('a cluster that was killed is down, with the reason', async () => {
    await other.brokers[0]!.kill()
    await dashboard.shows(/cluster other down/)
    const { reason } = (await fleet.gateways.get('gw-1')!.state()).clusters.other!
    assert.notEqual(reason, '')
    await dashboard.reads('.reasons', (text) => text.includes('other down'))
    await dashboard.reads('.reasons', (text) => text.length > 'other down'.length + 5)
    await assertAccessible(dashboard)
    await other.brokers[0]!.restart()
    await dashboard.shows(/both clusters up/)
  })

  await t.test('without Redis it tells of this node only, and goes on', async () => {
    await fleet.redis.kill()
    await dashboard.shows(/This node only: Redis unreachable since \d\d:\d\d:\d\d/)
    const frames = dashboard.states.length
    await dashboard.reads(
      '.light',
      (text) => /last frame now/.test(text) && dashboard.states.length > frames + 3,
    )
    await fleet.redis.start()
    await dashboard.shows('Redis up')
  })

  await t.test('it comes back after its node was restarted, without being loaded again', async () => {
    assert.equal(await fleet.drainNode('gw-1'), 0)
    await dashboard.reads('.header', (text) => /No connection|data from/.test(text))
    await fleet.startNode('gw-1')
    const frames = dashboard.states.length
    await dashboard.reads('.light', (text) => /last frame now/.test(text) && dashboard.states.length > frames)
    assert.equal(await page.evaluate('globalThis.loadedOnce'), true)
    await assertEqualsState(dashboard)
  })

  assert.deepEqual(dashboard.complaints, [])
})
