import type { Socket } from 'node:net'
import type { CloseReason } from '#gateway/close-reasons.ts'
import { readThrough } from '#gateway/read-buffer.ts'

/** What a client socket tells whoever it belongs to. */
export interface SocketOwner {
  /** @param buffer begins with `count` new bytes; if it is borrowed, they are gone with the next read */
  onBytes(buffer: Buffer, count: number): void
  /** The client has finished sending. */
  onEnd(): void
  /** The client has taken all that was written. */
  onDrain(): void
  /** For as long as `Socket.setTimeout` said, the client has taken nothing. */
  onStuck(): void
  close(reason: CloseReason): void
}

/**
 * The socket's owner. All sockets share these listeners: closures of their own would be a sixth of what a
 * connection takes, in memory that no cache holds where there are thousands.
 */
const OWNER = Symbol('owner')

type OwnedSocket = Socket & { [OWNER]: SocketOwner }

export function own(socket: Socket, owner: SocketOwner): void {
  Object.assign(socket, { [OWNER]: owner })
  readThrough(socket, onBytes)
  socket
    .on('end', onEnd)
    .on('error', onError)
    .on('close', onClose)
    .on('drain', onDrain)
    .on('timeout', onStuck)
}

function onBytes(this: Socket, count: number, buffer: Buffer): void {
  ;(this as OwnedSocket)[OWNER].onBytes(buffer, count)
}

function onEnd(this: Socket): void {
  ;(this as OwnedSocket)[OWNER].onEnd()
}

function onError(this: Socket): void {
  ;(this as OwnedSocket)[OWNER].close('client_reset')
}

function onClose(this: Socket): void {
  ;(this as OwnedSocket)[OWNER].close('client_closed')
}

function onDrain(this: Socket): void {
  ;(this as OwnedSocket)[OWNER].onDrain()
}

function onStuck(this: Socket): void {
  ;(this as OwnedSocket)[OWNER].onStuck()
}
