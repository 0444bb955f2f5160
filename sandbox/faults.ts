/**
 * Faults on demand. A rule meets a request, or one batch of it, when every field of its filter does; it
 * strikes `times` times and is over. Of several rules of one kind the oldest strikes.
 */
export interface Filter {
  /** Broker id. */
  broker?: number
  /** Name of the API, as in protocol/apis.ts: 'Produce', 'Metadata' ... */
  api?: string
  clientId?: string
  /** From here on: of one batch. A filter with any of these meets Produce requests only. */
  topic?: string
  partition?: number
  producerId?: bigint
}

/**
 * delay           the answer comes so many ms later; what was asked is done at once
 * errorBefore     the batch is refused with this code, and not appended
 * errorAfter      the batch is appended and its offset answered, with this code
 * dropAnswer      all is done, the connection stays open, and nothing comes back on it any more
 * cut             all is done, and the connection is reset instead of answered
 */
export type FaultKind = 'delay' | 'errorBefore' | 'errorAfter' | 'dropAnswer' | 'cut'

/** What a rule is compared with. */
export interface Target {
  readonly broker: number
  readonly api: string
  readonly clientId: string | null
  readonly batches: readonly FaultBatch[]
}

export interface FaultBatch {
  readonly topic: string
  readonly partition: number
  readonly producerId: bigint
}

export class Fault {
  /** How often it struck. */
  hits = 0
  readonly kind: FaultKind
  readonly filter: Filter
  /** Error code, or ms. */
  readonly value: number
  left: number
  readonly #faults: Faults

  constructor(faults: Faults, kind: FaultKind, filter: Filter, value: number, times: number) {
    this.#faults = faults
    this.kind = kind
    this.filter = filter
    this.value = value
    this.left = times
  }

  /** Ends it before it has struck as often as it was to. */
  lift(): void {
    this.#faults.remove(this)
  }
}

export class Faults {
  /** Asked of every client in every Produce answer, and the connection is mute for so long (KIP-219). */
  throttleMs = 0
  readonly #rules: Fault[] = []

  get isEmpty(): boolean {
    return this.#rules.length === 0
  }

  add(kind: FaultKind, filter: Filter, value: number, times: number): Fault {
    const fault = new Fault(this, kind, filter, value, times)
    this.#rules.push(fault)
    return fault
  }

  remove(fault: Fault): void {
    const at = this.#rules.indexOf(fault)
    if (at >= 0) this.#rules.splice(at, 1)
  }

  lift(): void {
    this.#rules.length = 0
    this.throttleMs = 0
  }

  /** The rule that strikes this request. */
  strikeRequest(kind: FaultKind, target: Target): Fault | null {
    return this.#strike(
      kind,
      (filter) =>
        meetsRequest(filter, target) &&
        (!isAboutBatches(filter) || target.batches.some((batch) => meetsBatch(filter, batch))),
    )
  }

  /** The rule that strikes one batch of a request. */
  strikeBatch(kind: FaultKind, target: Target, batch: FaultBatch): Fault | null {
    return this.#strike(kind, (filter) => meetsRequest(filter, target) && meetsBatch(filter, batch))
  }

  #strike(kind: FaultKind, meets: (filter: Filter) => boolean): Fault | null {
    const fault = this.#rules.find((rule) => rule.kind === kind && meets(rule.filter))
    if (!fault) return null
    fault.hits++
    if (--fault.left === 0) this.remove(fault)
    return fault
  }
}

function meetsRequest({ broker, api, clientId }: Filter, target: Target): boolean {
  return meets(broker, target.broker) && meets(api, target.api) && meets(clientId, target.clientId)
}

function meetsBatch({ topic, partition, producerId }: Filter, batch: FaultBatch): boolean {
  return meets(topic, batch.topic) && meets(partition, batch.partition) && meets(producerId, batch.producerId)
}

function isAboutBatches({ topic, partition, producerId }: Filter): boolean {
  return topic !== undefined || partition !== undefined || producerId !== undefined
}

function meets<T>(wanted: T | undefined, actual: T): boolean {
  return wanted === undefined || wanted === actual
}
