import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { buildDashboard, Dashboard, openBrowser } from '#test/browser/page.ts'
import { start } from '#test/support/processes.ts'

/**
 * The pictures of docs/dashboard.md, anew from the demo: `node test/browser/screenshots.ts [FOLDER]`. The demo's
 * script has made one cluster slow by then, and another one dead.
 */
const ROOT = join(import.meta.dirname, '../..')
const FOLDER = process.argv[2] ?? join(ROOT, 'docs/dashboard')
/** Until the dead cluster is dead, in s of the demo's script. */
const WATCH_S = 100
/** High enough for the whole page: charts that nobody sees are not drawn. */
const SIZES = { wide: { width: 1440, height: 2400 }, narrow: { width: 390, height: 844 } }

buildDashboard()
mkdirSync(FOLDER, { recursive: true })
const demo = await start(join(ROOT, 'bin/sluice'), ['demo', '--producers', '600'], { background: true })
const [, url] = await demo.waitForLine(/^Watch it: (\S+)/, 60_000)
const browser = await openBrowser()
const { page } = await Dashboard.open(browser, url!)
await pause(WATCH_S * 1000)
for (const colorScheme of ['light', 'dark'] as const) {
  await page.emulateMedia({ colorScheme })
  for (const [name, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size)
    await pause(2500)
    await page.screenshot({ path: join(FOLDER, `${name}-${colorScheme}.png`) })
  }
}
await browser.close()
await demo.stop('SIGTERM', 60_000)
