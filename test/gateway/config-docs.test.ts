import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { configJsonSchema, configPage } from '#gateway/config-docs.ts'
import { editDistance, nearestWord } from '#gateway/config-problems.ts'
import {
  formatAddress,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
} from '#gateway/config-values.ts'

describe('docs', () => {
  const stale = 'run: npm run docs'
  /** The formatter pads tables as it likes. */
  const unpadded = (page: string) => page.replace(/ +/g, ' ').replace(/-{3,}/g, '---')

  test('the page on configuration is what the schema says', () => {
    assert.equal(unpadded(readFileSync('docs/config.md', 'utf8')), unpadded(configPage()), stale)
  })
  test('so is the JSON Schema', () => {
    const written = JSON.parse(readFileSync('docs/config.schema.json', 'utf8'))
    assert.deepEqual(written, JSON.parse(configJsonSchema()), stale)
  })
  test('every key of the example is on the page', () => {
    const page = unpadded(readFileSync('docs/config.md', 'utf8'))
    const example = parse(readFileSync('docs/sluice.example.yaml', 'utf8'))
    for (const [section, value] of Object.entries(example)) {
      const entry = Array.isArray(value) ? value[0] : value
      if (typeof entry !== 'object') assert.ok(page.includes(`\n| \`${section}\` |`), section)
      else
        for (const key of Object.keys(entry))
          assert.ok(page.includes(`\n| \`${key}\` |`), `${section}.${key}`)
    }
  })
})

describe('the JSON Schema', () => {
  const schema = JSON.parse(configJsonSchema())

  test('refuses unknown keys on every level', () => {
    const open: string[] = []
    const visit = (node: any, path: string): void => {
      if (node?.type === 'object' && node.additionalProperties !== false) open.push(path)
      for (const [key, child] of Object.entries(node?.properties ?? {})) visit(child, `${path}.${key}`)
      for (const child of node?.anyOf ?? []) visit(child, path)
      if (node?.items) visit(node.items, `${path}[]`)
    }
    visit(schema, '')
    assert.deepEqual(open, [])
  })
  test('describes every key and refuses the reserved ones', () => {
    const { listeners, clusters } = schema.properties
    assert.deepEqual(listeners.items.properties.tls, { not: {}, description: 'Not in this release.' })
    assert.deepEqual(clusters.items.properties.sasl, { not: {}, description: 'Not in this release.' })
    for (const key of Object.keys(schema.properties)) assert.ok(schema.properties[key].description, key)
  })
  test('has the defaults and patterns of the file, not of the parsed value', () => {
    const { memory, maxAckWait } = schema.properties.limits.properties
    assert.equal(memory.default, '512MiB')
    assert.equal(memory.type, 'string')
    assert.match('20s', new RegExp(maxAckWait.pattern))
    assert.doesNotMatch('20', new RegExp(maxAckWait.pattern))
  })
})

describe('values', () => {
  test('durations and sizes are written in the largest unit that leaves a whole number', () => {
    for (const text of ['0ms', '1ms', '1500ms', '90s', '2m', '1h', '25h', '7d']) {
      assert.equal(formatDuration(parseDuration(text)), text)
    }
    for (const text of ['0B', '1B', '1025B', '64KiB', '1MiB', '1536MiB', '1GiB', '1TiB']) {
      assert.equal(formatSize(parseSize(text)), text)
    }
    assert.equal(formatDuration(parseDuration('120s')), '2m')
    assert.equal(formatSize(parseSize('1024KiB')), '1MiB')
  })
  test('addresses of IPv6 get brackets', () => {
    assert.equal(formatAddress({ host: '::1', port: 1 }), '[::1]:1')
    assert.equal(formatAddress({ host: 'k1', port: 9092 }), 'k1:9092')
  })
})

describe('did you mean', () => {
  test('distance counts inserted, lost, changed and swapped letters', () => {
    const pairs = [
      ['', 'abc', 3],
      ['linger', 'linger', 0],
      ['lingr', 'linger', 1],
      ['ue', 'eu', 1],
      ['kitten', 'sitting', 3],
    ]
    for (const [a, b, distance] of pairs) assert.equal(editDistance(String(a), String(b)), distance)
  })
  test('the nearest word wins, a distant one is no suggestion', () => {
    const words = ['memory', 'maxFrameBytes', 'pipelined', 'pipelinedBytes']
    assert.equal(nearestWord('pipelind', words), 'pipelined')
    assert.equal(nearestWord('maxframebytes', words), 'maxFrameBytes')
    assert.equal(nearestWord('pipe', words), 'pipelined')
    assert.equal(nearestWord('colour', words), undefined)
    assert.equal(nearestWord('x', words), undefined)
  })
})
