/** What the status stream holds now, and what it has left out since the start. */
export interface StreamLedger {
  /** Sockets. */
  clients: number
  /** Over all sockets: sent and not taken. */
  bufferedBytes: number
  /** Frames left out for sockets that were behind. */
  framesSkipped: number
  /** Sockets closed by this side, by close code. */
  closes: Record<string, number>
}
