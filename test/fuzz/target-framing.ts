import assert from 'node:assert/strict'
import { FrameSplitter } from '#protocol/framing.ts'
import { ProtocolError } from '#protocol/reader.ts'
import { memoryHeld } from '#test/fuzz/bounds.ts'
import { anyBytes } from '#test/fuzz/mutate.ts'
import type { Target } from '#test/fuzz/target.ts'
import type { Random } from '#test/simulation/random.ts'

const MAX_FRAME = 100_000
const LIES = [0, -1, -(2 ** 31), 2 ** 31 - 1, MAX_FRAME, MAX_FRAME + 1, 0x47455420]

type Splitter = Pick<FrameSplitter, 'push' | 'next' | 'held' | 'peekAll' | 'drop' | 'declared'>
type MakeSplitter = () => Splitter

/** However a stream is cut into chunks, the same frames come out, and every byte is accounted for. */
export function framingTarget(make: MakeSplitter = () => new FrameSplitter(MAX_FRAME)): Target {
  return {
    name: 'framing',
    weight: 3,
    run(random, note) {
      const stream = anyStream(random)
      note('stream', stream)
      const expected = framesOf(stream)
      const splitter = make()
      const found = new Follower(splitter, stream).run(random)
      assert.equal(found.frames.length, expected.frames.length, 'frames are missing, or too many')
      // Compared at the end only: what was handed out must not change when more comes.
      for (const [i, frame] of found.frames.entries()) {
        assert.ok(frame.equals(expected.frames[i]!), `frame ${i} differs`)
      }
      assert.equal(found.refused, expected.refused, 'refused and not refused')
    },
  }
}

function anyStream(random: Random): Buffer {
  const parts: Buffer[] = []
  for (let left = random.whole(0, 12); left > 0; left--) {
    const size = random.pick([1, 2, 5, 60, 300, 1023, 1024, 1025, 8191, 8192, 8193, random.whole(1, 20_000)])
    const prefix = Buffer.alloc(4)
    prefix.writeInt32BE(random.chance(0.03) ? random.pick(LIES) : size)
    parts.push(prefix, anyBytes(random, size))
  }
  const stream = Buffer.concat(parts)
  return random.chance(0.3) ? stream.subarray(0, random.whole(0, stream.length)) : stream
}

/** The plainest reading of the same bytes. */
function framesOf(stream: Buffer): { frames: Buffer[]; refused: boolean } {
  const frames: Buffer[] = []
  for (let at = 0; at + 4 <= stream.length; ) {
    const length = stream.readInt32BE(at)
    if (length < 1 || length > MAX_FRAME) return { frames, refused: true }
    if (at + 4 + length > stream.length) break
    frames.push(stream.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return { frames, refused: false }
}

/** Pushes a stream in chunks, takes frames now and then, and keeps the books. */
class Follower {
  readonly #splitter: Splitter
  readonly #stream: Buffer
  readonly #frames: Buffer[] = []
  #pushed = 0
  #taken = 0

  constructor(splitter: Splitter, stream: Buffer) {
    this.#splitter = splitter
    this.#stream = stream
  }

  run(random: Random): { frames: Buffer[]; refused: boolean } {
    const size = chunkSize(random)
    const patient = random.pick([0, 0, 0.5, 0.9])
    while (this.#pushed < this.#stream.length) {
      const end = Math.min(this.#stream.length, this.#pushed + size())
      this.#splitter.push(Buffer.from(this.#stream.subarray(this.#pushed, end)))
      this.#pushed = end
      this.#look(random)
      if (!random.chance(patient) && !this.#take()) return { frames: this.#frames, refused: true }
    }
    return { frames: this.#frames, refused: !this.#take() }
  }

  /** @returns false when the next frame is refused */
  #take(): boolean {
    try {
      for (let frame = this.#splitter.next(); frame !== null; frame = this.#splitter.next()) {
        this.#frames.push(frame)
        this.#taken += 4 + frame.length
        this.#count()
      }
      return true
    } catch (error) {
      if (error instanceof ProtocolError) return false
      throw error
    }
  }

  #look(random: Random): void {
    this.#count()
    if (!random.chance(0.05)) return
    const wanted = random.pick([0, 1, 6, 40, 5000])
    const end = Math.min(this.#taken + wanted, this.#pushed)
    assert.ok(
      this.#splitter.peekAll(wanted).equals(this.#stream.subarray(this.#taken, end)),
      'peeked wrongly',
    )
    this.#count()
  }

  #count(): void {
    assert.equal(this.#splitter.held, this.#pushed - this.#taken, 'bytes held are not pushed less taken')
  }
}

function chunkSize(random: Random): () => number {
  const [low, high] = random.pick([
    [1, 1],
    [1, 9],
    [1, 1023],
    [1000, 1050],
    [1, 2500],
    [5000, 70_000],
    [1_000_000, 1_000_000],
  ] as const)
  return low === 1 && high === 2500 ? () => random.pick([1, 2, 1024, 2500]) : () => random.whole(low, high)
}

const CONNECTIONS = 50
/** Beside the bytes held: the slab that bytes share which trickle in, and the splitter itself. */
const EACH_BYTES = 8192 + 4096
const CHUNKS = 300

/**
 * What a splitter keeps alive follows the bytes it holds: many connections, each with a part of a frame, in
 * the chunks that a hostile client would choose.
 */
export function framingMemoryTarget(make: MakeSplitter = () => new FrameSplitter(MAX_FRAME)): Target {
  return {
    name: 'framing memory',
    weight: 0.01,
    run(random, note) {
      const plan = Array.from({ length: random.whole(1, 4) }, () => random.pick(CHUNK_SIZES))
      note(`${CONNECTIONS} connections, chunks of ${plan}`)
      const before = memoryHeld(0)
      const splitters = Array.from({ length: CONNECTIONS }, () => holdSome(make(), plan))
      const held = splitters.reduce((sum, splitter) => sum + splitter.held, 0)
      const allowed = before + held * 2 + CONNECTIONS * EACH_BYTES
      const after = memoryHeld(allowed)
      assert.ok(after <= allowed, `${held} bytes are held, but they keep ${after - before} alive`)
      assert.equal(splitters.length, CONNECTIONS)
    },
  }
}

const CHUNK_SIZES = [1, 2, 3, 5, 100, 1023, 1024, 1025, 4096, 65_536]

/** Small whole frames, then one that never ends; all of it cut as the plan says, chunk sizes in turn. */
function holdSome(splitter: Splitter, plan: readonly number[]): Splitter {
  const mean = plan.reduce((sum, size) => sum + size, 0) / plan.length
  const frames = Math.ceil(Math.min(60_000, mean * CHUNKS) / 50)
  const last = Math.ceil(Math.min(30_000, mean * CHUNKS))
  const stream = new Uint8Array(frames * 50 + last)
  const lengths = new DataView(stream.buffer)
  for (let i = 0; i < frames; i++) lengths.setInt32(i * 50, 46)
  if (last >= 4) lengths.setInt32(frames * 50, MAX_FRAME)
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const end = Math.min(stream.length, at + plan[turn % plan.length]!)
    // A chunk of its own, as a socket brings it: Buffer.from would take it from a pool.
    splitter.push(Buffer.from(stream.buffer.slice(at, end)))
    while (splitter.next() !== null);
    at = end
  }
  return splitter
}
