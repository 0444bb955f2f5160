import { Socket } from 'node:net'
import type { Slabs } from '#gateway/slabs.ts'

/** As much as Node reads at once. */
const BYTES = 64 * 1024
/** All client sockets of a worker are read into this one, each in its turn. */
const shared = Buffer.allocUnsafeSlow(BYTES)

/**
 * Node makes a buffer of 64 KiB for each read of a socket and shrinks it to what came. Sockets that connect
 * may bring one of their own (`onread`); for those that a server accepts Node has the same machinery and no
 * way to ask for it, so it is reached by its symbols. Of a worker with 1,000 small producers the
 * collector took 15 %.
 */
const SYMBOLS = symbolsOf(new Socket({ onread: { buffer: shared, callback: () => true } }))

interface Symbols {
  buffer: symbol
  callback: symbol
  generator: symbol
}

function symbolsOf(probe: Socket): Symbols | null {
  const named = new Map(Object.getOwnPropertySymbols(probe).map((symbol) => [symbol.description, symbol]))
  const [buffer, callback, generator] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) => named.get(name))
  return buffer && callback && generator ? { buffer, callback, generator } : null
}

/** False where this version of Node is made otherwise: sockets are read as usual then. */
export const readsAreShared = SYMBOLS !== null

/** Whether the bytes are gone with the next read. */
export function isBorrowed(bytes: Buffer): boolean {
  return bytes.buffer === shared.buffer
}

/**
 * The frame to keep: itself or a copy. A small view would keep the whole chunk alive that it lies in, and the
 * next read overwrites a borrowed one.
 */
export function kept(bytes: Buffer, slabs: Slabs): Buffer {
  if (bytes.buffer.byteLength <= bytes.length * 2 && !isBorrowed(bytes)) return bytes
  return slabs.copy(bytes, 0, bytes.length)
}

/**
 * Hands over what a socket brings, instead of its `data` events. To be called in the turn in which the socket
 * was accepted.
 *
 * @param onBytes called with the number of bytes that came and the buffer that begins with them; `isBorrowed` says
 * whether they are valid only until it returns
 */
export function readThrough(
  socket: Socket,
  onBytes: (this: Socket, count: number, buffer: Buffer) => void,
): void {
  const handle = (socket as unknown as { _handle?: { useUserBuffer?(buffer: Buffer): void } | null })._handle
  if (!SYMBOLS || !handle?.useUserBuffer) {
    socket.on('data', function (this: Socket, bytes: Buffer) {
      onBytes.call(this, bytes.length, bytes)
    })
    return
  }
  Object.assign(socket, {
    [SYMBOLS.buffer]: shared,
    [SYMBOLS.callback]: onBytes,
    [SYMBOLS.generator]: null,
  })
  handle.useUserBuffer(shared)
  socket.resume()
}
