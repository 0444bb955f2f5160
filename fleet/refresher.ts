import { type Admin, Kafka, logLevel } from '#fleet/kafkajs.ts'
import type { MapEntry, Reading } from '#fleet/partition-map.ts'
import type { Log } from '#telemetry/log.ts'

/** Topics in one metadata question: larger answers would block the event loop (libraries.md §1). */
const PAGE = 500
const CONNECT_TIMEOUT_MS = 3000
const REQUEST_TIMEOUT_MS = 10_000

/**
 * The names of all topics of a cluster, and which of them are internal. Not asked of kafkajs: its listTopics
 * fails as a whole as soon as one partition anywhere has no leader, and drops the internal flag.
 */
export type TopicNames = () => Promise<Map<string, { internal: boolean }>>

/**
 * Reads topics and partition counts of one cluster with the kafkajs admin client. It keeps its connection
 * between readings; after a failure it begins with a fresh one.
 */
export class TopicReader {
  readonly #kafka: Kafka
  readonly #names: TopicNames
  #admin: Admin | null = null

  constructor(cluster: { name: string; clientId: string; brokers: string[] }, names: TopicNames, log: Log) {
    this.#names = names
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
      const names = await this.#names()
      const admin = await this.#connect()
      const topics = new Map<string, MapEntry>()
      const failed: string[] = []
      const all = [...names.keys()]
      for (let at = 0; at < all.length; at += PAGE) {
        const { counts, bad } = await readPage(admin, all.slice(at, at + PAGE))
        for (const [topic, partitions] of counts) {
          topics.set(topic, { partitions, internal: names.get(topic)?.internal ?? false })
        }
        failed.push(...bad)
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
): Promise<{ counts: [string, number][]; bad: string[] }> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: names })
    return { counts: topics.map(({ name, partitions }) => [name, partitions.length]), bad: [] }
  } catch (error) {
    if (!isAboutTopics(error)) throw error
    if (names.length === 1) return { counts: [], bad: names }
    const half = names.length >> 1
    const first = await readPage(admin, names.slice(0, half))
    const second = await readPage(admin, names.slice(half))
    return { counts: [...first.counts, ...second.counts], bad: [...first.bad, ...second.bad] }
  }
}

/**
 * A Kafka error code inside the answer, as opposed to a cluster that does not answer. After some of them
 * kafkajs 2.2.4 goes on with no metadata at all and fails with a TypeError of its own.
 */
function isAboutTopics(error: unknown): boolean {
  for (let cause = error as any; cause; cause = cause.cause) {
    if (cause.name === 'KafkaJSProtocolError') return true
    if (cause instanceof TypeError && /Cannot read propert/.test(cause.message)) return true
  }
  return false
}
