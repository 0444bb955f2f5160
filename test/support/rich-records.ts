import type { RecordSpec } from '#test/support/producer-spec.ts'

const A_DAY = 1_790_000_000_000

/**
 * Records with everything that a record can have: keys and null keys, tombstones, empty values, headers
 * with the same name twice and null values, timestamps of their own. Each can be told from all others.
 */
export function richRecords(name: string, topics: readonly string[], count: number): RecordSpec[] {
  return Array.from({ length: count }, (_, i) => {
    const own = `${name}|${topics[i % topics.length]}|${i}`
    const record: RecordSpec = {
      topic: topics[i % topics.length]!,
      value: encode(`${own}|${'x'.repeat(i % 300)}`),
      timestamp: A_DAY + i,
    }
    if (i % 3 !== 0) record.key = encode(`key-${own}`)
    if (i % 3 === 1 && i % 5 === 0) record.value = null
    if (i % 3 === 1 && i % 5 === 1) record.value = ''
    if (i % 4 === 0)
      record.headers = [
        ['trace', encode('one')],
        ['trace', encode('two')],
        ['empty', ''],
      ]
    return record
  })
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}
