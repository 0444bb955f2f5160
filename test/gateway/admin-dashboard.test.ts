import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openStage } from '#test/gateway/admin-stage.ts'

function built(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-dashboard-'))
  context.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'dist/assets'), { recursive: true })
  writeFileSync(join(folder, 'secret'), 'of elsewhere')
  writeFileSync(join(folder, 'dist/index.html'), '<!doctype html><title>Sluice</title>')
  writeFileSync(join(folder, 'dist/assets/index-BhQ2fgH1.js'), 'export {}')
  return join(folder, 'dist')
}

const POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; " +
  "form-action 'none'"

test('the page is there for everybody, asked for anew each time; its hashed files are kept', async (context) => {
  const { app, get, ask } = await openStage(context, { dashboard: built(context), token: 'the-token' })
  const page = await get('/')
  assert.equal(page.status, 200)
  assert.match(await page.text(), /<title>Sluice/)
  assert.match(page.headers.get('content-type')!, /^text\/html/)
  assert.equal(page.headers.get('cache-control'), 'no-cache')
  const script = await get('/assets/index-BhQ2fgH1.js')
  assert.match(script.headers.get('content-type')!, /javascript/)
  assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable')
  assert.equal((await ask('HEAD')('/assets/index-BhQ2fgH1.js')).status, 200)
  const etag = page.headers.get('etag')!
  // Not by fetch, which asks for the whole then.
  assert.equal((await app.inject({ url: '/', headers: { 'if-none-match': etag } })).statusCode, 304)
})

test('browsers are told to load nothing from elsewhere, and to guess nothing', async (context) => {
  const { get } = await openStage(context, { dashboard: built(context) })
  for (const path of ['/', '/assets/index-BhQ2fgH1.js', '/api/v1/state', '/nowhere']) {
    const { headers } = await get(path)
    assert.equal(headers.get('content-security-policy'), POLICY, path)
    assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
    assert.equal(headers.get('referrer-policy'), 'no-referrer', path)
  }
})

test('no file of elsewhere', async (context) => {
  const { app, get } = await openStage(context, { dashboard: built(context) })
  for (const url of ['/../secret', '/%2e%2e/secret', '/assets/../../secret', '/..%2fsecret', '//secret']) {
    const { statusCode, body } = await app.inject({ url })
    assert.ok(statusCode === 403 || statusCode === 404, `${url}: ${statusCode}`)
    assert.ok(!body.includes('of elsewhere'), url)
  }
  const missing = await get('/assets/index-old.js')
  assert.equal(missing.status, 404)
  assert.deepEqual(await missing.json(), { error: 'there is nothing at /assets/index-old.js' })
  assert.equal((await get('/drain')).status, 405)
})

test('a page that is not built says what builds it', async (context) => {
  const { get } = await openStage(context, { token: 'the-token' })
  const page = await get('/')
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-type')!, /^text\/html/)
  assert.match(await page.text(), /npm run build:dashboard/)
})
