import { randomBytes } from 'node:crypto'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Running, start } from '#test/support/processes.ts'
import { RawClient } from '#test/support/raw-client.ts'

/** One Kafka process, broker and controller in one, and the folder it lives in. */
export interface NodeSettings {
  id: number
  clusterId: string
  folder: string
  /** Of all nodes of the cluster, by id − 1. `door`: a second listener, which names another port to clients. */
  ports: { client: number; controller: number; door?: { bound: number; advertised: number } }[]
  /** Broker properties that go before those below. */
  properties: Record<string, string>
}

export const logFolder = (folder: string): string => join(folder, 'log')
export const propertiesFile = (folder: string): string => join(folder, 'server.properties')

/** Kafka's Uuid: 16 bytes in base64url, and not to begin with a dash, which tools would take for an option. */
export function newKafkaId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? newKafkaId() : id
}

export async function writeProperties(settings: NodeSettings): Promise<void> {
  const text = Object.entries(propertiesOf(settings)).map(([name, value]) => `${name}=${value}\n`)
  await mkdir(settings.folder, { recursive: true })
  await writeFile(propertiesFile(settings.folder), text.join(''))
}

/**
 * What the storage tool leaves in the log folder: a formatted one is copied, so that no JVM has to run for
 * it, and named anew.
 */
export async function format(settings: NodeSettings, template: string): Promise<void> {
  const log = logFolder(settings.folder)
  await cp(template, log, { recursive: true })
  const lines = [
    'version=1',
    `cluster.id=${settings.clusterId}`,
    `node.id=${settings.id}`,
    `directory.id=${newKafkaId()}`,
  ]
  await writeFile(join(log, 'meta.properties'), `${lines.join('\n')}\n`)
}

/** Starts the process in the background. @param jvm arguments of `java` up to the main class */
export function launch(jvm: string[], folder: string): Promise<Running> {
  return start('java', [...jvm, 'kafka.Kafka', propertiesFile(folder)], { background: true })
}

/**
 * Waits until a node counts itself and at least `nodes` brokers as alive, and hands out producer ids (a fresh
 * one first answers 14). @throws with what the process said if it ends before, or is not ready in time
 */
export async function waitUntilReady(
  running: Running,
  settings: NodeSettings,
  nodes: number,
  timeoutMs = 180_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    if (!running.isRunning) throw new Error(`Kafka ended:\n${running.output()}`)
    if (await isReady(settings, nodes)) return
    if (Date.now() > deadline) {
      throw new Error(`node ${settings.id} is not ready after ${timeoutMs} ms:\n${running.output()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function isReady({ id, ports, clusterId }: NodeSettings, nodes: number): Promise<boolean> {
  const client = await RawClient.connect(ports[id - 1]!.client).catch(() => null)
  if (!client) return false
  try {
    const cluster = await client.request('metadata', 4, { topics: [] }, 5000)
    // Somebody else's Kafka may have been quicker to take the port.
    if (cluster.clusterId !== clusterId) return false
    const alive = cluster.brokers.map(({ nodeId }) => nodeId)
    if (alive.length < nodes || !alive.includes(id)) return false
    const body = { transactionalId: null, transactionTimeoutMs: 60_000 }
    const { errorCode } = await client.request('initProducerId', 1, body, 5000)
    return errorCode === 0
  } catch {
    return false
  } finally {
    await client.close()
  }
}

function propertiesOf(settings: NodeSettings): Record<string, string> {
  const { id, ports, folder } = settings
  const nodes = ports.length
  const own = ports[id - 1]!
  const enough = String(Math.ceil((nodes + 1) / 2))
  const client = `PLAINTEXT://127.0.0.1:${own.client}`
  const door = (port: number | undefined): string => (own.door ? `,DOOR://127.0.0.1:${port}` : '')
  return {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': ports.map((port, i) => `${i + 1}@127.0.0.1:${port.controller}`).join(','),
    listeners: `${client}${door(own.door?.bound)},CONTROLLER://127.0.0.1:${own.controller}`,
    'advertised.listeners': `${client}${door(own.door?.advertised)}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,DOOR:PLAINTEXT',
    'log.dirs': logFolder(folder),
    'auto.create.topics.enable': 'false',
    // Tests write records with old timestamps; half a minute after the start a broker would delete them.
    'log.retention.ms': '-1',
    'default.replication.factor': String(nodes),
    'min.insync.replicas': enough,
    'offsets.topic.replication.factor': String(nodes),
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': String(nodes),
    'transaction.state.log.min.isr': enough,
    'transaction.state.log.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'log.cleaner.dedupe.buffer.size': '20000000',
    ...settings.properties,
  }
}
