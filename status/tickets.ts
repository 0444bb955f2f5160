import { randomBytes } from 'node:crypto'

/** From the asking until the socket is open, in ms. */
export const TICKET_MS = 30_000
/** Asked for and not used. The oldest goes first: whoever asks for that many uses none of them. */
const MAX_TICKETS = 1000

/**
 * Passes for one WebSocket each, as browsers can send no header with one. A ticket stands in a URL, which
 * others may log: so it opens once, soon, and only for the address that asked for it.
 */
export class Tickets {
  readonly #now: () => number
  /** In the order of their ends. */
  readonly #open = new Map<string, { address: string; until: number }>()

  /** @param now a clock in ms that is never set back */
  constructor(now: () => number) {
    this.#now = now
  }

  issue(address: string): string {
    const ticket = randomBytes(24).toString('base64url')
    this.#open.set(ticket, { address: hostOf(address), until: this.#now() + TICKET_MS })
    for (const [oldest, { until }] of this.#open) {
      if (until > this.#now() && this.#open.size <= MAX_TICKETS) break
      this.#open.delete(oldest)
    }
    return ticket
  }

  /** Whether it opens a socket for the address. Once asked it is void, whatever the answer. */
  redeem(ticket: string, address: string): boolean {
    const found = this.#open.get(ticket)
    this.#open.delete(ticket)
    return found !== undefined && found.until > this.#now() && found.address === hostOf(address)
  }
}

/** `localhost` is ::1 for one connection of a browser and 127.0.0.1 for the next. */
function hostOf(address: string): string {
  const plain = address.replace(/^::ffff:/, '')
  return plain === '::1' || plain.startsWith('127.') ? 'loopback' : plain
}
