import { type RedisLink, SCHEMA, Script } from '#fleet/redis.ts'
import type { Log } from '#telemetry/log.ts'

export type FleetNodeState = 'starting' | 'serving' | 'draining'

/** What a node says of itself. */
export interface NodeDescription {
  id: string
  /** 0 = shared by all nodes; else no two live nodes may have the same. */
  slot: number
  address: string
  zone: string
  version: string
  configHash: string
  /** Listener ports that it serves. */
  ports: readonly number[]
}

/** One live node of the fleet. */
export interface NodeEntry extends NodeDescription {
  state: FleetNodeState
  clusters: readonly string[]
  /** The fencing token of its process; 0 = it was never registered. */
  incarnation: number
  /** By how much its clock is ahead of that of Redis, in ms; below 0 = behind. */
  clockAhead: number
  /** Any JSON, as the node gave it. */
  sample: unknown
}

/** Another live node shows itself to clients under the same slot. */
export class SlotClash extends Error {
  constructor(slot: number, node: string, other: string) {
    super(
      `node.id: "${node}" and the live node "${other}" come to the same slot ${slot}; give one another name`,
    )
    this.name = 'SlotClash'
  }
}

export interface RegistryEvents {
  /** The live nodes are others, or say something else of themselves. */
  changed(): void
  /** Redis knew no lease of this node: it may have forgotten everything else, too. */
  forgotten(): void
}

export const NODE_LEASE_MS = 5000

/** Clocks that differ by less are the same, in ms. */
const CLOCKS_MS = 3000

const beatScript = new Script('beat.lua')
const leaveScript = new Script('leave.lua')

/** The nodes that are alive, by leases in Redis; this node renews its own with each beat. */
export class Registry {
  readonly self: NodeEntry
  /** Why this node must run alone although Redis is up; empty when it need not. */
  refusal = ''
  /** Set together with `refusal` when the reason is a slot. */
  clash: SlotClash | null = null
  readonly #link: RedisLink
  readonly #log: Log
  readonly #schema: number
  readonly #events: RegistryEvents
  /** Live nodes, this one included, as the last beat showed them. */
  #seen = new Map<string, NodeEntry>()
  /** ms of the monotonic clock; null = never. */
  #lastBeat: number | null = null
  /** ms of the monotonic clock. */
  #outageEnded = Number.NEGATIVE_INFINITY
  #left = false
  #shape = ''

  /** @param schema differs from SCHEMA in tests only */
  constructor(
    node: NodeDescription,
    link: RedisLink,
    log: Log,
    events: RegistryEvents,
    schema: number = SCHEMA,
  ) {
    this.self = { ...node, state: 'starting', clusters: [], incarnation: 0, clockAhead: 0, sample: null }
    this.#link = link
    this.#log = log
    this.#events = events
    this.#schema = schema
  }

  /** It holds a lease, or did a moment ago. */
  get isMember(): boolean {
    return this.refusal === '' && !this.#isCutOff
  }

  /** This node alone when the fleet was not heard for a lease. */
  nodes(): NodeEntry[] {
    const others = [...this.#seen.values()].filter(({ id }) => id !== this.self.id)
    return [this.self, ...(this.isMember ? others : [])].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  get #isCutOff(): boolean {
    return this.#lastBeat === null || performance.now() - this.#lastBeat > NODE_LEASE_MS
  }

  /**
   * Its clock is not that of the others: those that agree are the most, or among equals nearest to Redis. BullMQ
   * plans by the clocks of the nodes, and one that is wrong would plan for hours later.
   */
  get isClockWrong(): boolean {
    const clocks = this.nodes().map(({ clockAhead }) => clockAhead)
    const agreeing = (clock: number): number =>
      clocks.filter((each) => Math.abs(each - clock) < CLOCKS_MS).length
    const nearer = (a: number, b: number): number => agreeing(b) - agreeing(a) || Math.abs(a) - Math.abs(b)
    const [right = 0] = clocks.sort(nearer)
    return Math.abs(this.self.clockAhead - right) >= CLOCKS_MS
  }

  /** Renews the lease and hears who else is alive. @throws when Redis does not answer */
  async beat(): Promise<void> {
    if (this.#left) return
    const sent = performance.now()
    const [status, detail, renewed, now, ...descriptions] = await beatScript.run(
      this.#link.commands,
      [this.#link.schemaKey, ...['nodes', 'leases', 'tokens'].map((name) => this.#link.key(name))],
      [
        this.#schema,
        this.self.id,
        this.self.incarnation,
        this.self.slot,
        JSON.stringify(this.self),
        NODE_LEASE_MS,
      ],
    )
    if (this.#left) return void (await this.#remove())
    this.#judge(String(status), String(detail))
    if (status !== 'member') return this.tell()
    this.self.clockAhead = Date.now() - Number(now)
    // The description went out before the token was known; the next beat carries it.
    this.self.incarnation = Number(detail)
    this.#hear(
      descriptions.map((text: string) => JSON.parse(text) as NodeEntry),
      renewed === 1,
      sent,
    )
  }

  /** Out of the registry at once, and for good. @throws when Redis does not answer */
  async leave(): Promise<void> {
    this.#left = true
    await this.#remove()
  }

  async #remove(): Promise<void> {
    const keys = [this.#link.key('nodes'), this.#link.key('leases')]
    await leaveScript.run(this.#link.commands, keys, [this.self.id, this.self.incarnation])
  }

  #judge(status: string, detail: string): void {
    const { id, slot } = this.self
    this.clash = status === 'slot' ? new SlotClash(slot, id, detail) : null
    const refusal =
      status === 'newer'
        ? `the fleet has schema version ${detail}, this node ${this.#schema}: it runs alone`
        : status === 'superseded'
          ? `another process has registered as node "${id}": this one runs alone`
          : (this.clash?.message ?? '')
    if (refusal !== '' && refusal !== this.refusal) this.#log.error({ reason: refusal }, 'not in the fleet')
    this.refusal = refusal
  }

  /**
   * When this node's own lease was gone (Redis stood still, came back empty, or could not be reached), so may be
   * those of the others, who need a moment to renew them: whoever was alive before stays for that long.
   */
  #hear(alive: NodeEntry[], renewed: boolean, now: number): void {
    if (!renewed && this.#lastBeat !== null) {
      this.#outageEnded = now
      this.#events.forgotten()
    }
    const seen = new Map(alive.map((entry) => [entry.id, entry]))
    if (now - this.#outageEnded < NODE_LEASE_MS) {
      for (const [id, entry] of this.#seen) {
        if (!seen.has(id) && entry.state !== 'draining') seen.set(id, entry)
      }
    }
    this.#seen = seen
    this.#lastBeat = now
    this.tell()
  }

  /** Tells when the live nodes are others than before, or say something else of themselves. */
  tell(): void {
    const shape = JSON.stringify(this.nodes().map(({ sample: _, clockAhead: __, ...rest }) => rest))
    if (shape === this.#shape) return
    this.#shape = shape
    this.#events.changed()
  }
}
