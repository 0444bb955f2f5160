import type { ClientCase, Codec, Setting } from '#test/clients/matrix.ts'
import type { Stage } from '#test/clients/stage.ts'
import { type Ledger, ledgerOf, type Violation, violations } from '#test/support/criterion.ts'
import type { Outcome, ProducerSpec } from '#test/support/producer-spec.ts'
import { readBatches } from '#test/support/raw-client.ts'
import { richRecords } from '#test/support/rich-records.ts'
import type { SniffedConnection } from '#test/support/sniffer.ts'

/** How a client fared with one setting. */
export interface RunResult {
  client: ClientCase
  setting: Setting
  /** What is wrong; empty = everything holds. */
  faults: string[]
  records: number
  ms: number
  connections: SniffedConnection[]
  /** Records stored before an earlier one of their partition, where the setting promises no order. */
  disordered: number
  ledger: Ledger | null
}

const CODEC_BITS: Record<Codec, number> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }
/** Ids that the gateway makes begin here. */
const FIRST_PRODUCER_ID = 1n << 62n
const PARTITIONS = { one: 3, two: 4 }

/** Runs a client with some settings, one after the other, and checks what the clusters hold behind. */
export async function runClient(
  stage: Stage,
  client: ClientCase,
  settings: Setting[],
  records: number,
): Promise<RunResult[]> {
  await stage.createTopics(settings.map((setting) => nameOf(client, setting)))
  const results: RunResult[] = []
  for (const setting of settings) results.push(await produce(stage, client, setting, records))
  const ledgers = results.flatMap(({ ledger }) => ledger ?? [])
  const found = violations(ledgers, await stage.logs(settings.map((setting) => nameOf(client, setting))))
  for (const result of results) {
    if (!result.ledger) continue
    addViolations(result, found)
    result.faults.push(...(await wronglyStored(stage, client, result.setting)))
  }
  return results
}

function addViolations(result: RunResult, found: Violation[]): void {
  for (const { rule, id, text, producer } of found) {
    if (producer !== result.ledger!.producer && producer !== 'nobody') continue
    if (rule === 'c' && result.setting.unordered) result.disordered++
    else result.faults.push(`(${rule}) #${id}: ${text}`)
  }
}

/** The name of the run, in topics and values. */
function nameOf({ key }: ClientCase, { name }: Setting): string {
  return `${key}.${name.replace(/[^\w.]+/g, '-')}`
}

async function produce(
  stage: Stage,
  client: ClientCase,
  setting: Setting,
  records: number,
): Promise<RunResult> {
  const name = nameOf(client, setting)
  const topics = [`one.${name}`, `two.${name}`]
  const spec: ProducerSpec = {
    name,
    bootstrap: stage.bootstrap,
    properties: setting.properties,
    ...(client.records === 'generated'
      ? { generate: { topics, count: records, partitions: PARTITIONS.one } }
      : { records: richRecords(name, topics, records) }),
  }
  const begun = performance.now()
  stage.sniffer.take()
  const result: RunResult = {
    client,
    setting,
    faults: [],
    records,
    ms: 0,
    connections: [],
    disordered: 0,
    ledger: null,
  }
  try {
    const outcomes = await client.produce(spec)
    // Nothing fails here, so nothing may be tried twice: every setting is held to the strictest rules.
    const strict = { idempotent: true, ordered: true, unacknowledged: setting.acks === '0' }
    result.ledger = ledgerOf(spec, outcomes, strict)
    result.faults.push(...failed(outcomes))
  } catch (error) {
    result.faults.push((error as Error).message)
  }
  result.ms = performance.now() - begun
  result.connections = stage.sniffer.take()
  if (result.connections.length > client.connections)
    result.faults.push(`${result.connections.length} connections, expected at most ${client.connections}`)
  return result
}

function failed(outcomes: Outcome[]): string[] {
  const errors = outcomes.filter(({ error }) => error !== null)
  return errors.slice(0, 3).map(({ id, error }) => `#${id} failed: ${error}`)
}

/** The batches have the codec that was asked for, and a producer id of ours if the client is idempotent. */
async function wronglyStored(stage: Stage, client: ClientCase, setting: Setting): Promise<string[]> {
  const faults = new Set<string>()
  let compressed = 0
  for (const [cluster, partitions] of Object.entries(PARTITIONS)) {
    const topic = `${cluster}.${nameOf(client, setting)}`
    for (let partition = 0; partition < partitions; partition++) {
      for (const batch of await readBatches(stage.clusterOf(topic).brokers[0]!.port, topic, partition)) {
        const bits = batch[22]! & 7
        if (bits === CODEC_BITS[setting.codec]) compressed++
        // Some clients leave a batch as it is when compression would make it larger.
        else if (bits !== 0) faults.add(`codec ${bits} in ${topic}`)
        const ours = batch.readBigInt64BE(43) >= FIRST_PRODUCER_ID
        if (batch[16] !== 2) faults.add(`magic ${batch[16]} in ${topic}`)
        if (ours !== setting.idempotent) faults.add(`producer id ${batch.readBigInt64BE(43)} in ${topic}`)
      }
    }
  }
  if (compressed === 0) faults.add(`no batch with codec ${setting.codec}`)
  return [...faults]
}
