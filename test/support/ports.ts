import { createServer } from 'node:net'

/**
 * Free ports below 32768. From there on (macOS: 49152) the kernel takes the source ports of outgoing
 * connections, and one of those could take the port of a server that is down for a moment.
 */
const FIRST = 15_000
const LAST = 32_000

const handedOut = new Set<number>()

export async function freePort(): Promise<number> {
  return freePortRange(1)
}

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

/** `count` free ports in a row; no port is handed out twice to one process. @returns the first */
export async function freePortRange(count: number): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const first = FIRST + Math.floor(Math.random() * (LAST - FIRST - count))
    const ports = Array.from({ length: count }, (_, i) => first + i)
    if (ports.some((port) => handedOut.has(port))) continue
    const free = await Promise.all(ports.map(isFree))
    if (!free.every(Boolean)) continue
    for (const port of ports) handedOut.add(port)
    return first
  }
  throw new Error(`no ${count} free ports in a row between ${FIRST} and ${LAST}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
