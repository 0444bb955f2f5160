import { start } from '#test/support/processes.ts'
import { type Outcome, type ProducerSpec, type SentRecord, sentRecords } from '#test/support/producer-spec.ts'

/**
 * kcat, from Debian. It sends to one topic, and tells offsets but not of which record: so one process per
 * partition, all at once, each with the lines of its records.
 *
 * @param spec with generated records for given partitions
 */
export async function produceKcat(spec: ProducerSpec): Promise<Outcome[]> {
  if (!spec.generate?.partitions) throw new Error('kcat needs generated records, and partitions')
  const outcomes = await Promise.all(
    byPartition(sentRecords(spec)).map((records) => sendLines(spec, records)),
  )
  return outcomes.flat()
}

function byPartition(records: SentRecord[]): SentRecord[][] {
  return [...Map.groupBy(records, ({ topic, partition }) => `${topic}/${partition}`).values()]
}

async function sendLines(
  { bootstrap, properties = {} }: ProducerSpec,
  records: SentRecord[],
): Promise<Outcome[]> {
  const { topic, partition } = records[0]!
  const settings = Object.entries(properties).flatMap(([name, value]) => ['-X', `${name}=${value}`])
  const args = ['-F', '/dev/null', '-P', '-b', bootstrap, '-t', topic, '-p', String(partition), ...settings]
  const begun = performance.now()
  const kcat = await start('kcat', [...args, '-v', '-v', '-v'], {
    input: records.map(({ value }) => `${value}\n`).join(''),
  })
  await kcat.exited
  const answers = [
    ...kcat.output().matchAll(/^% (?:Message delivered .*\(offset (-?\d+)\)|(Delivery failed .*))/gm),
  ]
  if (answers.length !== records.length)
    throw new Error(`kcat answered ${answers.length} of ${records.length} times:\n${kcat.output()}`)
  const ms = performance.now() - begun
  return answers.map(([, offset, error], i) => ({
    id: records[i]!.id,
    topic,
    partition,
    offset: offset === undefined ? -1 : Number(offset),
    timestamp: -1,
    error: error ?? null,
    code: null,
    ms,
  }))
}
