/** What one run of the generator does, as JSON on its command line. */
export interface Plan {
  /** `host:port` of the broker, proxy or gateway. */
  bootstrap: string
  topics: string[]
  producers: number
  load: Load
  /** Unanswered requests per connection. */
  inFlight: number
  batch: { records: number; recordBytes: number }
  warmUpSeconds: number
  seconds: number
  seed: number
  watch: Watch
}

export type Load =
  /** Each producer sends so many batches per second, come what may. */
  | { kind: 'open'; perSecond: number; even?: boolean }
  /** Each producer keeps its connections full. */
  | { kind: 'closed' }
  /** Each producer connects and asks for Metadata, and no more. */
  | { kind: 'idle' }
  /** So many connections per second in all, each with one batch; `producers` means nothing. */
  | { kind: 'connects'; perSecond: number }

/** What to read beside the load. */
export interface Watch {
  /** Root processes by name; all below them count, too. `gateway` is whatever stands before the brokers. */
  processes: Record<string, number[]>
  /** Metrics pages of the brokers. */
  metrics: string[]
  /** All ports at which the brokers listen for clients. */
  ports: number[]
}
