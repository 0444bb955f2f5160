import type { Random } from '#test/simulation/random.ts'

interface Event {
  time: number
  order: number
  run: () => void
}

/** A run has broken a rule. */
export class Violation extends Error {
  readonly rule: string
  readonly time: number

  constructor(rule: string, text: string, time: number) {
    super(`${rule}: ${text}`)
    this.rule = rule
    this.time = time
  }
}

/** Simulated time, in ms, and everything that is going to happen, in order. */
export class World {
  now = 0
  /** From then on nothing is wrong any more. */
  healedAt = Number.POSITIVE_INFINITY
  /** Events run so far. */
  events = 0
  readonly random: Random
  /** Where the story goes, line by line; null when nobody reads it. */
  readonly story: ((line: string) => void) | null
  readonly #heap: Event[] = []
  #order = 0

  constructor(random: Random, story: ((line: string) => void) | null = null) {
    this.random = random
    this.story = story
  }

  at(time: number, run: () => void): void {
    const event = { time: Math.max(time, this.now), order: this.#order++, run }
    const heap = this.#heap
    let i = heap.length
    heap.push(event)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(event, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = event
  }

  after(delay: number, run: () => void): void {
    this.at(this.now + delay, run)
  }

  /** Runs what happens until that time. */
  runUntil(time: number): void {
    for (let event = this.#heap[0]; event && event.time <= time; event = this.#heap[0]) {
      this.#take()
      this.now = event.time
      this.events++
      event.run()
    }
    this.now = Math.max(this.now, time)
  }

  tell(line: string): void {
    this.story?.(`${this.now.toFixed(2).padStart(10)}  ${line}`)
  }

  fail(rule: string, text: string): never {
    throw new Violation(rule, text, this.now)
  }

  #take(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
  }
}

function before(a: Event, b: Event): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}
