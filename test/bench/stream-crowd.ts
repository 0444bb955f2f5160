import { WebSocket } from 'ws'

/**
 * `stream-crowd.ts URL CLIENTS STALLED`: so many followers of a node's status stream, the first of which never
 * read. Prints `ready` when all are connected; on SIGTERM one line of JSON, and ends.
 */
export interface CrowdCounts {
  frames: number
  /** Frames that a follower did not get, by the gaps in their numbers. */
  missed: number
  closes: Record<string, number>
}

const [url = '', clients = '200', stalled = '20'] = process.argv.slice(2)
const counts: CrowdCounts = { frames: 0, missed: 0, closes: {} }
let open = 0

for (let i = 0; i < Number(clients); i++) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/stream`, 'sluice.v1')
  let last: number | null = null
  socket.on('open', () => {
    if (i < Number(stalled)) socket.pause()
    if (++open === Number(clients)) console.log('ready')
  })
  socket.on('message', (data) => {
    counts.frames++
    const [, type, seq] = /^\{"type":"(\w+)","seq":(\d+)/.exec(String(data)) ?? []
    if (seq === undefined) return
    if (type !== 'snapshot' && last !== null && Number(seq) !== last + 1) counts.missed++
    last = Number(seq)
  })
  socket.on('close', (code) => {
    counts.closes[code] = (counts.closes[code] ?? 0) + 1
  })
  socket.on('error', () => {})
}
process.on('SIGTERM', () => {
  console.log(JSON.stringify(counts))
  process.exit(0)
})
