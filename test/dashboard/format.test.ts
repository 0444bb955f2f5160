import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  byteRate,
  bytes,
  cores,
  join,
  list,
  milliseconds,
  number,
  rate,
  shortHash,
  span,
  timeOfDay,
} from '#dashboard/format.ts'

/** Units are joined by a space that does not break. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ')

function table<T>(format: (value: T) => string, rows: [T, string][]): void {
  for (const [value, text] of rows) assert.equal(plain(format(value)), text, String(value))
}

test('numbers have three digits, and no false ones', () => {
  table(number, [
    [0, '0'],
    [0.01, '<0.1'],
    [0.26, '0.3'],
    [7, '7'],
    [99.94, '99.9'],
    [99.96, '100'],
    [999.4, '999'],
    [1234.4, '1,234'],
    [9999, '9,999'],
    [9999.9, '10.0 k'],
    [48_730, '48.7 k'],
    [999_600, '1.0 M'],
    [1_500_000, '1.5 M'],
    [2e9, '2 G'],
    [null, '–'],
  ])
})

test('rates, sizes, times and cores carry their unit', () => {
  table(
    (value: number | null) => join(rate(value)),
    [
      [3.25, '3.3 /s'],
      [null, '–'],
    ],
  )
  table(
    (value: number | null) => join(bytes(value)),
    [
      [0, '0 B'],
      [1023, '1,023 B'],
      [1024, '1 KiB'],
      [1536, '1.5 KiB'],
      [1023.9 * 1024, '1.0 MiB'],
      [32 * 2 ** 20, '32 MiB'],
      [null, '–'],
    ],
  )
  assert.equal(plain(join(byteRate(2 ** 20 * 31.24))), '31.2 MiB/s')
  assert.equal(join(byteRate(null)), '–')
  table(
    (value: number | null) => join(milliseconds(value)),
    [
      [0, '0 ms'],
      [0.001, '<0.01 ms'],
      [0.42, '0.42 ms'],
      [27.2, '27.2 ms'],
      [1234, '1,234 ms'],
      [12_340, '12.3 s'],
      [null, '–'],
    ],
  )
  assert.equal(plain(join(cores(0.421))), '0.42 cores')
})

test('spans name the two largest units that matter', () => {
  table(span, [
    [-5, '0 s'],
    [999, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [95_000, '1 min 35 s'],
    [3_600_000, '1 h'],
    [3_659_000, '1 h'],
    [90_000_000, '1 d 1 h'],
  ])
})

test('hashes are short, lists are sentences, times are of the day', () => {
  assert.equal(shortHash('sha256:0123456789abcdef'), '01234567')
  assert.deepEqual(
    [list([]), list(['a']), list(['a', 'b']), list(['a', 'b', 'c'])],
    ['', 'a', 'a and b', 'a, b and c'],
  )
  assert.equal(timeOfDay(new Date(2026, 0, 2, 3, 4, 5).getTime()), '03:04:05')
})
