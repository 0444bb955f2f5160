import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { bytes, join as joined, number, rate, timeOfDay, whole } from '#dashboard/format.ts'
import { type FixtureOptions, FixtureServer } from '#test/dashboard/fixture-server.ts'

/** The built page in Debian's Chromium, over made-up figures: what it shows, and that everybody can use it. */

const ROOT = join(import.meta.dirname, '../..')
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** Second of the story at which a fixture stands still where figures are compared. */
const STILL = 940
const PATIENCE_MS = 60_000

let browser: Browser

before(async () => {
  execFileSync(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', 'dashboard'], {
    cwd: ROOT,
    stdio: 'ignore',
  })
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
})

after(async () => {
  await browser.close()
})

interface Stage {
  server: FixtureServer
  page: Page
  /** What the browser complained of. */
  complaints: string[]
}

interface Look {
  width?: number
  colorScheme?: 'light' | 'dark'
  hash?: string
}

async function open(t: TestContext, options: FixtureOptions = {}, look: Look = {}): Promise<Stage> {
  const server = new FixtureServer(options)
  await server.start()
  const { width = 1440, colorScheme = 'light', hash = '' } = look
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const complaints: string[] = []
  page.on('console', (line) => {
    if (['error', 'warning'].includes(line.type())) complaints.push(line.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  t.after(async () => {
    await context.close()
    await server.stop()
  })
  await page.goto(server.url + hash)
  return { server, page, complaints }
}

const shown = (page: Page) => page.locator('main').waitFor()

/** The texts of a row's cells, with plain spaces. */
async function cells(page: Page, row: string): Promise<string[]> {
  const texts = await page.locator(row).locator('th, td').allInnerTexts()
  return texts.map((text) => text.replaceAll(/[\s\u00a0]+/g, ' ').trim())
}

const plain = (text: string) => text.replaceAll('\u00a0', ' ')

test('the numbers are those of the stream, and nothing breaks the policy', async (t) => {
  const { server, page, complaints } = await open(t, { frozenAt: STILL })
  await shown(page)
  const state = server.state()
  const total = Object.values(state.clusters).reduce((sum, { rates }) => sum + rates.batchesIn, 0)
  assert.equal(await page.locator('.key-figure .value').first().innerText(), number(total))

  const gw2 = state.nodes['gw-2']!
  const row = await cells(page, '.matrix tbody tr:nth-child(2)')
  assert.equal(row[0], 'gw-2 serving')
  assert.ok(row[1]!.startsWith(plain(joined(rate(gw2.rates.batchesIn)))), row[1])
  assert.ok(row[2]!.startsWith(plain(joined(rate(gw2.clusters['eu-1']!.rates.batchesIn)))), row[2])
  assert.match(row[4]!, /down$/)

  const [name, busiest] = Object.entries(state.topics).sort(
    ([, a], [, b]) => b.rates.bytesIn - a.rates.bytesIn,
  )[0]!
  const topic = await cells(page, '[aria-label="Topics"] tbody tr:nth-child(1)')
  assert.deepEqual(topic.slice(0, 3), [name, busiest.cluster, busiest.route])
  assert.equal(topic[4], plain(joined(rate(busiest.rates.batchesIn))))

  const node = await cells(page, '[aria-label="Nodes"] tbody tr:nth-child(1)')
  assert.equal(node[6], whole(state.nodes['gw-1']!.connections))
  assert.equal(node[7], plain(joined(bytes(state.nodes['gw-1']!.inFlightBytes))))
  assert.deepEqual(complaints, [])
})

test('figures move with the stream', async (t) => {
  const { page, complaints } = await open(t, { intervalMs: 200 })
  await shown(page)
  const first = await page.locator('.key-figure .value').first().innerText()
  await page.locator('.key-figure .value').first().filter({ hasNotText: first }).waitFor()
  assert.deepEqual(complaints, [])
})

test('a node that is gone is grey and says since when', async (t) => {
  const { page } = await open(t)
  await shown(page)
  const row = page.locator('.matrix tbody tr', { hasText: 'gw-3' })
  assert.match(await row.innerText(), /gone, last seen 1\u00a0min \d+\u00a0s ago/)
  const colourOf = (selector: string) =>
    row
      .locator(selector)
      .first()
      .evaluate((element) => (globalThis as any).getComputedStyle(element).color)
  const muted = await page.locator('.facts').evaluate((e) => (globalThis as any).getComputedStyle(e).color)
  assert.equal(await colourOf('.rate'), muted)
  assert.equal(await colourOf('.name'), muted)
  assert.match(await page.locator('.fleet').innerText(), /2 of 3 nodes serving, 1 gone/)
})

test('without Redis the page says so and goes on', async (t) => {
  const { server, page } = await open(t, { variant: 'redis-down', intervalMs: 200 })
  await shown(page)
  const since = timeOfDay(server.state().fleet.since!).slice(0, 5)
  const sentence = new RegExp(`This node only: Redis unreachable since ${since}:\\d\\d`)
  await page.locator('.reasons', { hasText: sentence }).waitFor()
  const first = await page.locator('.key-figure .value').first().innerText()
  await page.locator('.key-figure .value').first().filter({ hasNotText: first }).waitFor()
})

test('a node that restarts is found again without a reload', async (t) => {
  const { server, page } = await open(t)
  await shown(page)
  await page.evaluate('window.samePage = true')
  await server.stop()
  await page.getByRole('heading', { name: 'Reconnecting' }).waitFor()
  assert.match(await page.locator('.notice').innerText(), /What is shown is from \d\d:\d\d:\d\d/)
  assert.ok(await page.locator('.page.stale').count())
  await server.start()
  await page.locator('.light', { hasText: 'Live' }).waitFor()
  assert.equal(await page.locator('.notice').count(), 0)
  assert.equal(await page.evaluate('window.samePage'), true)
})

test('a node that hangs makes old figures, with their age', async (t) => {
  const { server, page } = await open(t)
  await shown(page)
  server.silent = true
  await page.locator('.light', { hasText: /Late\s*data from \d+/ }).waitFor()
  assert.ok(await page.locator('.page.stale').count())
})

test('the admin token is asked for, kept out of storage, and opens the page', async (t) => {
  const { page } = await open(t, { token: 'right' })
  const field = page.locator('input[type=password]')
  await field.fill('wrong')
  await page.keyboard.press('Enter')
  await page.getByText('does not accept this token').waitFor()
  await field.fill('right')
  await page.keyboard.press('Enter')
  await shown(page)
  const stored = await page.evaluate(
    'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
  )
  assert.ok(!String(stored).includes('right'))
})

test('a fleet without clients says what to do', async (t) => {
  const { page, complaints } = await open(t, { variant: 'empty' })
  await shown(page)
  await page.getByText('No client is connected.').waitFor()
  await page.getByText('Point bootstrap.servers').waitFor()
  assert.match(await page.locator('.fleet').innerText(), /1 node serving; cluster eu-1 up/)
  assert.deepEqual(complaints, [])
})

test('by keyboard: filter a cell, see it in the address, sort a table, let go', async (t) => {
  const { server, page } = await open(t, { frozenAt: STILL })
  await shown(page)
  const cell = page.locator('.matrix tbody tr:nth-child(1) td:nth-child(4) button')
  await tabTo(page, '.matrix tbody tr:nth-child(1) td:nth-child(4) button')
  await page.keyboard.press('Enter')
  await page.locator('.filter-bar', { hasText: 'node gw-1, cluster us-west' }).waitFor()
  assert.equal(await cell.getAttribute('aria-pressed'), 'true')
  assert.match(page.url(), /#node=gw-1&cluster=us-west$/)
  const clusters = await page.locator('[aria-label="Topics"] tbody td:nth-child(2)').allInnerTexts()
  assert.deepEqual([...new Set(clusters)], ['us-west'])

  await tabTo(page, '[aria-label="Topics"] th:nth-child(1) button')
  await page.keyboard.press('Enter')
  const heading = page.locator('[aria-label="Topics"] th:nth-child(1)').first()
  assert.equal(await heading.getAttribute('aria-sort'), 'ascending')
  const names = Object.entries(server.state().topics).filter(([, topic]) => topic.cluster === 'us-west')
  const order = new Intl.Collator('en', { numeric: true })
  const expected = names.map(([name]) => name).sort(order.compare)[0]
  assert.equal((await cells(page, '[aria-label="Topics"] tbody tr:nth-child(1)'))[0], expected)

  await cell.focus()
  await page.keyboard.press('Space')
  await page.locator('.filter-bar').waitFor({ state: 'detached' })
  assert.ok(!page.url().includes('#'))
})

test('the address brings the filter back, and a chart can be read as a table', async (t) => {
  const { page } = await open(t, { frozenAt: STILL }, { hash: '#cluster=eu-1' })
  await page.locator('.filter-bar', { hasText: 'all nodes, cluster eu-1' }).waitFor()
  const chart = page.locator('.chart', { hasText: 'Batches per submission' })
  assert.equal(await chart.locator('.legend li').count(), 1)
  await chart.getByRole('button', { name: 'Show as table' }).click()
  assert.ok((await chart.locator('tbody tr').count()) >= 15)
  assert.match((await chart.locator('tbody td').nth(1).innerText()).trim(), /^\d/)
})

test('a topic that is not among the busiest can be asked for', async (t) => {
  const { page } = await open(t)
  await shown(page)
  await page.getByLabel('Search topics').fill('quiet.topic')
  await page.keyboard.press('Enter')
  await page.getByLabel('Search topics').fill('quiet')
  await page.locator('[aria-label="Topics"] tbody th', { hasText: 'quiet.topic' }).waitFor()
  await page.getByRole('button', { name: 'Ask no longer for quiet.topic' }).click()
  await page.locator('[aria-label="Topics"] tbody th').waitFor({ state: 'detached' })
})

test('paused it stands still, and then shows what came meanwhile', async (t) => {
  const { server, page } = await open(t, { intervalMs: 200 })
  await shown(page)
  await page.getByRole('button', { name: 'Pause' }).click()
  const value = page.locator('.key-figure .value').first()
  const still = await value.innerText()
  server.happen({ ts: Date.now(), kind: 'reload', severity: 'warning', text: 'came while paused' })
  await page.waitForTimeout(1500)
  assert.equal(await value.innerText(), still)
  assert.equal(await page.getByText('came while paused').count(), 0)
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.locator('.events', { hasText: 'came while paused' }).waitFor()
})

test('changes of state are read aloud, figures are not', async (t) => {
  const { server, page } = await open(t)
  await shown(page)
  const live = page.locator('[aria-live]')
  assert.equal(await live.count(), 1)
  server.happen({ ts: Date.now(), kind: 'cluster_state', severity: 'error', text: 'eu-1 is down' })
  await live.filter({ hasText: 'eu-1 is down' }).waitFor()
})

for (const [width, colorScheme] of [
  [1440, 'light'],
  [1440, 'dark'],
  [390, 'light'],
  [390, 'dark'],
  [360, 'light'],
] as const) {
  test(`at ${width} px, ${colorScheme}: nothing that axe minds, and no scrolling sideways`, async (t) => {
    const { page } = await open(t, { frozenAt: STILL }, { width, colorScheme, hash: '#node=gw-1' })
    await shown(page)
    await page.locator('.chart').first().getByRole('button', { name: 'Show as table' }).click()
    await noSerious(page)
    const [inner, outer] = (await page.evaluate(
      '[document.documentElement.scrollWidth, innerWidth]',
    )) as number[]
    assert.ok(inner! <= outer!, `${inner} > ${outer}`)
  })
}

test('nor minds axe old figures, the form for the token, or a page without a node', async (t) => {
  const locked = await open(t, { token: 'right' }, { width: 390, colorScheme: 'dark' })
  await locked.page.locator('input[type=password]').waitFor()
  await noSerious(locked.page)
  const lost = await open(t)
  await shown(lost.page)
  await lost.server.stop()
  await lost.page.getByRole('heading', { name: 'Reconnecting' }).waitFor()
  await noSerious(lost.page)
})

async function noSerious(page: Page): Promise<void> {
  await page.evaluate(AXE)
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[]
  }
  const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
  assert.deepEqual(
    serious.map(({ id, nodes }) => [id, nodes[0]!.html, nodes[0]!.failureSummary]),
    [],
  )
}

/** Presses Tab until an element has the focus. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 150; presses++) {
    await page.keyboard.press('Tab')
    if (
      await page
        .locator(selector)
        .first()
        .evaluate((e) => e === (globalThis as any).document.activeElement)
    )
      return
  }
  assert.fail(`${selector} is not reached by Tab`)
}
