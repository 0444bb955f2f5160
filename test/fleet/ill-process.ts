import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Loaded into every process of a node (`NODE_OPTIONS=--import=...`), so that its clock can be set wrong and its
 * event loop be held up. ILL_FOLDER: the file `clock` in it says by how many ms the clock is wrong; SIGUSR2
 * holds the event loop for as many ms as the file `block` says. A process that has obeyed writes so into
 * `<pid>.clock` and `<pid>.block`.
 */
const folder = process.env.ILL_FOLDER!
const LOOK_MS = 100

let wrongBy = 0
const RealDate = Date
const now = (): number => RealDate.now() + wrongBy

globalThis.Date = class extends RealDate {
  constructor(...given: any[]) {
    if (given.length === 0) super(now())
    else super(...(given as [number]))
  }

  static override now(): number {
    return now()
  }
} as DateConstructor

setInterval(() => {
  const wanted = numberIn('clock')
  if (wanted === wrongBy) return
  wrongBy = wanted
  writeFileSync(join(folder, `${process.pid}.clock`), `${wanted}`)
}, LOOK_MS).unref()

process.on('SIGUSR2', () => {
  const begin = performance.now()
  const end = begin + numberIn('block')
  while (performance.now() < end);
  writeFileSync(join(folder, `${process.pid}.block`), `${Math.round(performance.now() - begin)}`)
})

function numberIn(file: string): number {
  try {
    return Number(readFileSync(join(folder, file), 'utf8'))
  } catch {
    return 0
  }
}
