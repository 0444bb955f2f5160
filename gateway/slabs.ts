import { Fifo } from '#batcher/fifo.ts'

/** Frames up to this size share memory with others, in bytes: memory of its own costs one more than all its checks. */
export const SMALL_FRAME = 1024
const SLAB_BYTES = 16 * 1024
/** What is not done so long after its slab was full moves out of it, in ms. */
const PATIENCE_MS = 250

/** Something that lies in a slab until it is done. It is a link of the slab's list. */
export interface Tenant {
  before: Tenant | null
  after: Tenant | null
  /** Copies what it still needs: the slab is given up. */
  move(): void
}

/** Who lies in it; its memory is kept by them alone once it is full, so that V8 frees it while it is young. */
class Slab {
  fullAt = 0
  /** Both ends of the list. */
  readonly tenants: Tenant = { before: null, after: null, move() {} }

  constructor() {
    this.tenants.before = this.tenants.after = this.tenants
  }
}

/**
 * Memory for small frames. V8 frees a slab when nothing in it is referred to any more; so that one batch of a
 * dead cluster does not keep what sixty others have left, it moves out after a while.
 */
export class Slabs {
  #memory = Buffer.allocUnsafeSlow(SLAB_BYTES)
  #used = 0
  #current = new Slab()
  readonly #full = new Fifo<Slab>()

  /** A copy of the bytes from `start` up to `end`, in shared memory if it is small. */
  copy(bytes: Buffer, start: number, end: number): Buffer {
    const length = end - start
    if (length <= SMALL_FRAME) return this.#copySmall(bytes, start, end)
    const copy = Buffer.allocUnsafeSlow(length)
    bytes.copy(copy, 0, start, end)
    return copy
  }

  #copySmall(from: Buffer, start: number, end: number): Buffer {
    if (this.#used + end - start > SLAB_BYTES) this.#begin()
    const used = this.#used
    this.#used += from.copy(this.#memory, used, start, end)
    return this.#memory.subarray(used, this.#used)
  }

  #begin(): void {
    this.#current.fullAt = performance.now()
    this.#full.push(this.#current)
    this.#current = new Slab()
    this.#memory = Buffer.allocUnsafeSlow(SLAB_BYTES)
    this.#used = 0
  }

  /** Whoever needs the frame that was copied last, until `leave`. */
  enter(tenant: Tenant, frame: Buffer): void {
    if (frame.buffer !== this.#memory.buffer) return
    const { tenants } = this.#current
    tenant.before = tenants.before
    tenant.after = tenants
    tenants.before!.after = tenant
    tenants.before = tenant
  }

  /** Now and then: makes those that take long move out of old slabs. */
  sweep(now: number): void {
    for (let slab = this.#full.peek(); slab && slab.fullAt + PATIENCE_MS <= now; slab = this.#full.peek()) {
      const { tenants } = slab
      for (let one = tenants.after!; one !== tenants; one = tenants.after!) {
        leave(one)
        one.move()
      }
      this.#full.shift()
    }
  }
}

/** It is done, or has moved. */
export function leave(tenant: Tenant): void {
  if (!tenant.after) return
  tenant.before!.after = tenant.after
  tenant.after.before = tenant.before
  tenant.before = tenant.after = null
}

/** Bytes of memory that a frame keeps; of a slab, its own part. */
export function heldBytes(frame: Buffer): number {
  return frame.length <= SMALL_FRAME ? frame.length : frame.buffer.byteLength
}
