import { connect, type Socket } from 'node:net'
import type { Address, ClusterConfig, Config } from '#gateway/config.ts'
import { formatAddress } from '#gateway/config-values.ts'
import { apis } from '#protocol/apis.ts'
import { FrameSplitter } from '#protocol/framing.ts'
import { decodeResponse, encodeRequest } from '#protocol/header.ts'
import { apiVersionsRequest, apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'

const TIMEOUT_MS = 5_000
const MAX_ANSWER_BYTES = 1 << 20

export interface ProbeResult {
  cluster: string
  ok: boolean
  /** In words, one part per bootstrap server. */
  detail: string
}

/**
 * Asks every bootstrap server of every cluster for its API versions. A cluster is reachable if one server
 * answered: the others are found through it.
 */
export async function probeClusters(config: Config, timeoutMs = TIMEOUT_MS): Promise<ProbeResult[]> {
  return Promise.all(config.clusters.map((cluster) => probeCluster(cluster, timeoutMs)))
}

async function probeCluster(cluster: ClusterConfig, timeoutMs: number): Promise<ProbeResult> {
  const answers = await Promise.all(
    cluster.bootstrapServers.map(async (server) => {
      const failure = await askVersions(server, cluster.clientId, timeoutMs)
      return { ok: failure === undefined, words: `${formatAddress(server)} ${failure ?? 'answers'}` }
    }),
  )
  const detail = answers.map(({ words }) => words).join(', ')
  return { cluster: cluster.name, ok: answers.some(({ ok }) => ok), detail }
}

/** @returns why the server did not answer as a Kafka broker does; undefined if it did */
function askVersions(
  { host, port }: Address,
  clientId: string,
  timeoutMs: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true })
    const finish = (failure?: string) => {
      clearTimeout(deadline)
      socket.destroy()
      resolve(failure)
    }
    const deadline = setTimeout(() => {
      finish(socket.connecting ? `no connection in ${timeoutMs} ms` : `no answer in ${timeoutMs} ms`)
    }, timeoutMs)
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message))
    socket.on('close', () => finish('closed the connection without an answer'))
    socket.on('connect', () => {
      const header = { apiVersion: 0, correlationId: 1, clientId }
      socket.write(encodeRequest(apis.apiVersions, apiVersionsRequest, header, {}))
    })
    readAnswer(socket, finish)
  })
}

function readAnswer(socket: Socket, finish: (failure?: string) => void): void {
  const frames = new FrameSplitter(MAX_ANSWER_BYTES)
  socket.on('data', (chunk: Buffer) => {
    try {
      frames.push(chunk)
      const frame = frames.next()
      if (!frame) return
      const { errorCode, apiKeys } = decodeResponse(apis.apiVersions, apiVersionsResponse, 0, frame)
      const produce = apiKeys.find(({ apiKey }) => apiKey === apis.produce.key)
      if (errorCode !== 0) finish(`answers with error ${errorCode}`)
      else finish(produce ? undefined : 'answers, but takes no Produce')
    } catch (error) {
      finish(`does not answer as a Kafka broker: ${(error as Error).message}`)
    }
  })
}
