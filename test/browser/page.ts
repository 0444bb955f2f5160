import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { mergePatch } from '#dashboard/merge-patch.ts'
import type { ServerFrame, State } from '#status/contract.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Debian's. */
const CHROMIUM = '/usr/bin/chromium'
const WITHIN_MS = 20_000

/** The dashboard as it stands in the sources. */
export function buildDashboard(): void {
  execFileSync('npm', ['run', '--silent', 'build:dashboard'], { cwd: ROOT, stdio: 'inherit' })
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

/** One page of the dashboard, and beside it what the stream has told it. */
export class Dashboard {
  readonly page: Page
  /** Complaints of the browser: errors, and what the content policy forbids. */
  readonly complaints: string[] = []
  /** As the frames say, whatever the page makes of them; oldest first. */
  readonly states: State[] = []

  static async open(browser: Browser, url: string): Promise<Dashboard> {
    const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } })
    const dashboard = new Dashboard(page)
    await page.goto(url)
    return dashboard
  }

  private constructor(page: Page) {
    this.page = page
    page.setDefaultTimeout(WITHIN_MS)
    page.on('pageerror', (error) => this.complaints.push(error.message))
    page.on('console', (message) => {
      const isOutage = /ERR_CONNECTION|WebSocket connection/.test(message.text())
      if (message.type() === 'error' && !isOutage) this.complaints.push(message.text())
    })
    page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => this.#take(JSON.parse(String(payload))))
    })
  }

  #take(frame: ServerFrame): void {
    if (frame.type === 'snapshot') this.states.push(frame.state)
    else if (frame.type === 'delta') this.states.push(mergePatch(this.states.at(-1)!, frame.state))
  }

  /** Waits until the page shows a text. */
  async shows(text: string | RegExp): Promise<void> {
    try {
      await this.page.getByText(text).first().waitFor()
    } catch {
      const strip = await this.page.locator('.strip').innerText()
      throw new Error(`${text} is not shown within ${WITHIN_MS} ms; the page says ${strip}`)
    }
  }

  /** Waits until the text of an element is right. */
  async reads(selector: string, isRight: (text: string) => boolean): Promise<string> {
    const deadline = Date.now() + WITHIN_MS
    let text = ''
    while (Date.now() < deadline) {
      text = (await this.page.locator(selector).first().innerText()).replaceAll('\u00a0', ' ')
      if (isRight(text)) return text
      await this.page.waitForTimeout(100)
    }
    throw new Error(`${selector} reads: ${text}`)
  }

  /** What a key figure says, without its unit. */
  figure(label: string): Promise<string> {
    return this.page
      .locator('.key-figure', { has: this.page.getByText(label, { exact: true }) })
      .locator('.value')
      .innerText()
  }
}
