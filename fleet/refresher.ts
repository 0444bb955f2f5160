import { type Admin, Kafka, logLevel } from 'kafkajs'
import type { MapEntry, Reading } from '#fleet/partition-map.ts'
import type { Log } from '#telemetry/log.ts'

/** Topics in one metadata question: larger answers would block the event loop (libraries.md §1). */
const PAGE = 500
const CONNECT_TIMEOUT_MS = 3000
const REQUEST_TIMEOUT_MS = 10_000
/** kafkajs does not pass the internal flag on. */
const INTERNAL = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
  '__cluster_metadata',
])

/**
 * Reads topics and partition counts of one cluster with the kafkajs admin client. It keeps its connection
 * between readings; after a failure it begins with a fresh one.
 */
export class TopicReader {
  readonly #kafka: Kafka
  #admin: Admin | null = null

  constructor(cluster: { name: string; clientId: string; brokers: string[] }, log: Log) {
    this.#kafka = new Kafka({
      clientId: cluster.clientId,
      brokers: cluster.brokers,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retry: { retries: 1, initialRetryTime: 100 },
      logLevel: logLevel.ERROR,
      logCreator: () => (entry) =>
        log.debug({ cluster: cluster.name, kafkajs: entry.log }, entry.log.message),
    })
  }

  /** @throws when the cluster cannot be read; a single bad topic only stands among `failed` */
  async read(): Promise<Reading> {
    try {
      const admin = await this.#connect()
      const names = await admin.listTopics()
      const topics = new Map<string, MapEntry>()
      const failed: string[] = []
      for (let at = 0; at < names.length; at += PAGE) {
        await readPage(admin, names.slice(at, at + PAGE), topics, failed)
      }
      return { topics, failed }
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async #connect(): Promise<Admin> {
    if (!this.#admin) {
      this.#admin = this.#kafka.admin()
      await this.#admin.connect()
    }
    return this.#admin
  }

  async close(): Promise<void> {
    const admin = this.#admin
    this.#admin = null
    await admin?.disconnect().catch(() => {})
  }
}

/** One bad topic fails a whole question of kafkajs: halve it until the bad ones stand alone. */
async function readPage(
  admin: Admin,
  names: string[],
  topics: Map<string, MapEntry>,
  failed: string[],
): Promise<void> {
  try {
    const answer = await admin.fetchTopicMetadata({ topics: names })
    for (const { name, partitions } of answer.topics) {
      topics.set(name, { partitions: partitions.length, internal: INTERNAL.has(name) })
    }
  } catch (error) {
    if (!isAboutTopics(error)) throw error
    if (names.length === 1) {
      failed.push(names[0]!)
      return
    }
    const half = names.length >> 1
    await readPage(admin, names.slice(0, half), topics, failed)
    await readPage(admin, names.slice(half), topics, failed)
  }
}

/** A Kafka error code inside the answer, as opposed to a cluster that does not answer. */
function isAboutTopics(error: unknown): boolean {
  for (let cause = error as any; cause; cause = cause.cause) {
    if (cause.name === 'KafkaJSProtocolError') return true
  }
  return false
}
