import {
  type CompressionAlgorithmValue,
  type MessageToProduce,
  Producer,
  type ProducerOptions,
  type SendOptions,
} from '@platformatic/kafka'
import { type Answer, print, readSpec, sendAll } from '#test/support/producer-program.ts'
import type { ProducerSpec, SentRecord } from '#test/support/producer-spec.ts'

/** @platformatic/kafka, told by a ProducerSpec and answering in Outcomes: see producer-spec.ts. */

type Options = ProducerOptions<Buffer, Buffer, Buffer, Buffer>
type Send = Omit<SendOptions<Buffer, Buffer, Buffer, Buffer>, 'messages'>

interface Settings {
  producer: Options
  send: Send
  /** Sends under way at once, at most. */
  inFlight: number
}

type Setter = (settings: Settings, value: string) => void

/** What it calls the properties of Kafka's own producer. */
const PROPERTIES: Record<string, Setter> = {
  'client.id': ({ producer }, value) => (producer.clientId = value),
  acks: ({ send }, value) => (send.acks = value === 'all' ? -1 : Number(value)),
  'compression.type': ({ send }, value) => (send.compression = value as CompressionAlgorithmValue),
  'enable.idempotence': ({ producer }, value) => (producer.idempotent = value === 'true'),
  'metadata.max.age.ms': ({ producer }, value) => (producer.metadataMaxAge = Number(value)),
  retries: ({ producer }, value) => (producer.retries = Number(value)),
  'retry.backoff.ms': ({ producer }, value) => (producer.retryDelay = Number(value)),
  'request.timeout.ms': ({ producer }, value) => (producer.timeout = Number(value)),
  'max.in.flight.requests.per.connection': (settings, value) =>
    (settings.producer.maxInflights = settings.inFlight = Number(value)),
}

const spec = await readSpec()
const settings = settingsOf(spec)
const start = performance.now()
const producer = new Producer(settings.producer)
const sent = await sendAll(spec, settings.inFlight, send)
await producer.close()
print({ done: true, sent, ms: performance.now() - start })
process.stdin.destroy()

function settingsOf({ name, bootstrap, properties }: ProducerSpec): Settings {
  const settings: Settings = {
    producer: { clientId: name, bootstrapBrokers: bootstrap.split(',') },
    send: {},
    inFlight: 1,
  }
  for (const [name, value] of Object.entries(properties ?? {})) {
    const set = PROPERTIES[name]
    if (!set) throw new Error(`@platformatic/kafka has nothing like ${name}`)
    set(settings, value)
  }
  return settings
}

async function send(record: SentRecord): Promise<Answer> {
  try {
    const { offsets } = await producer.send({ ...settings.send, messages: [messageOf(record)] })
    // With acks=0 there is no answer.
    const [stored] = offsets ?? []
    const partition = stored?.partition ?? record.partition
    return { partition, offset: Number(stored?.offset ?? -1), error: null, code: null }
  } catch (error) {
    return { partition: record.partition, offset: -1, ...reasonOf(error as Error) }
  }
}

function messageOf({ topic, key, value, partition, headers, timestamp }: SentRecord): MessageToProduce {
  const message: MessageToProduce = { topic, key: key as Buffer, value: value as Buffer }
  if (partition !== null) message.partition = partition
  if (timestamp !== null) message.timestamp = BigInt(timestamp)
  // Two buffers with the same bytes are two keys of a Map, so repeated names are kept.
  if (headers.length > 0)
    message.headers = new Map(headers.map(([name, value]) => [Buffer.from(name), value as Buffer]))
  return message
}

/** The innermost reason: errors come as lists of errors. */
function reasonOf(error: Error & { apiCode?: unknown }): Pick<Answer, 'error' | 'code'> {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors.at(-1))
  const { apiCode } = error
  return { error: `${error.name}: ${error.message}`, code: typeof apiCode === 'number' ? apiCode : null }
}
