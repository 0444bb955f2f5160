import { type ClientPair, type Copy, type Guarded, surelyNotStored } from '#test/simulation/copies.ts'
import type { NodeConnection } from '#test/simulation/node-connection.ts'
import type { World } from '#test/simulation/world.ts'

interface Guard {
  readonly failed: Copy
  /** Sequences that the guard has answered since one in line last passed. */
  readonly held: Set<number>
  /** Those that it answered before that: their clients may not have read of it yet. */
  readonly stale: Set<number>
  /** The failed one has come again: the next one in line; until then -1. */
  expected: number
}

/** The batches of one idempotent producer for one partition on one connection. */
interface Book {
  /** Accepted and not answered, in order. */
  readonly open: Copy[]
  guard: Guard | null
}

const NOT_ENOUGH_REPLICAS = 19
/** Codes that the same bytes meet every time. */
const FOR_GOOD = new Set([10, 17, 42, 53, 87])

/**
 * Rule 4 kept in a second book: after a failure nothing behind it may go upstream until the client shows that
 * it has read of it; and what shows that must not be held.
 */
export class GuardBook {
  readonly #world: World
  readonly #books = new Map<NodeConnection, Map<ClientPair, Book>>()
  /** Books in which a batch has failed since they were last looked at. */
  readonly #failed = new Set<Book>()

  constructor(world: World) {
    this.#world = world
  }

  onAccept(connection: NodeConnection, copy: Copy): Guarded {
    if (!copy.idempotent) return 'passes'
    const book = this.#bookOf(connection, copy.out.pair)
    const guarded = book.guard ? judge(book.guard, copy) : 'passes'
    if (guarded === 'passes' && book.guard) pass(book, book.guard, copy)
    book.open.push(copy)
    return guarded
  }

  /** @returns whether the answer is that of the guard */
  onAnswered(connection: NodeConnection, copy: Copy): boolean {
    if (!copy.idempotent) return false
    const book = this.#bookOf(connection, copy.out.pair)
    const at = book.open.indexOf(copy)
    book.open.splice(at, 1)
    if (copy.errorCode === 0 || connection.closed) return false
    const { guard } = book
    const unsent = copy.errorCode === NOT_ENOUGH_REPLICAS && copy.sends === 0
    const itsTime = this.#failed.has(book) || copy.acceptedAt === this.#world.now
    const behind = guard !== null && copy.place > guard.failed.place
    if (unsent && itsTime && behind && judge(guard, copy) !== 'passes') {
      guard.held.add(copy.sequence)
      guard.stale.delete(copy.sequence)
      return true
    }
    book.guard = { failed: copy, held: new Set(), stale: new Set(), expected: -1 }
    if (book.open.some(({ place }) => place > copy.place)) this.#failed.add(book)
    return false
  }

  onClosed(connection: NodeConnection): void {
    this.#books.delete(connection)
  }

  /** The engine has done what it had to do: nothing may be left behind a failed batch. */
  settled(): void {
    for (const book of this.#failed) this.#look(book)
    this.#failed.clear()
  }

  #look(book: Book): void {
    for (const copy of book.open) {
      const { guard } = book
      if (!guard || copy.place < guard.failed.place || copy.batch!.client.gone) continue
      const guarded = judge(guard, copy)
      if (guarded === 'passes') pass(book, guard, copy)
      else if (guarded === 'held') {
        this.#world.fail('hole', `${copy} waits on behind ${guard.failed}, which failed`)
      }
    }
  }

  #bookOf(connection: NodeConnection, pair: ClientPair): Book {
    let books = this.#books.get(connection)
    if (!books) this.#books.set(connection, (books = new Map()))
    let book = books.get(pair)
    if (!book) books.set(pair, (book = { open: [], guard: null }))
    return book
  }
}

function judge(guard: Guard, copy: Copy): Guarded {
  const { failed, held, stale, expected } = guard
  const next = expected < 0 ? failed.sequence : expected
  if (copy.epoch !== failed.epoch || copy.sequence === next || held.has(copy.sequence)) return 'passes'
  return expected < 0 || stale.has(copy.sequence) ? 'held' : 'either'
}

function pass(book: Book, guard: Guard, copy: Copy): void {
  const next = guard.expected < 0 ? guard.failed.sequence : guard.expected
  if (copy.epoch !== guard.failed.epoch || copy.sequence !== next) {
    book.guard = null
    return
  }
  guard.expected = (copy.sequence + copy.out.records) % 2 ** 31
  for (const sequence of guard.held) guard.stale.add(sequence)
  guard.held.clear()
  guard.stale.delete(copy.sequence)
  if (guard.stale.size === 0) book.guard = null
}

/** What must hold for an error that is said to mean "not stored". */
export function contradicts(copy: Copy): string | null {
  if (!surelyNotStored(copy)) return null
  if (copy.entry && !copy.entry.lost) return `is in the log at offset ${copy.entry.offset}`
  // A broker that refuses the same bytes for good would not have taken them before.
  const forGood = copy.heard.has(copy.errorCode) && FOR_GOOD.has(copy.errorCode)
  return copy.unknown && !forGood ? 'may be in the log: the fate of an attempt is unknown' : null
}
