import {
  CompressionTypes,
  Kafka,
  type KafkaConfig,
  type Message,
  Partitioners,
  type Producer,
  type ProducerConfig,
  type ProducerRecord,
} from 'kafkajs'
import { type Answer, print, readSpec, sendAll } from '#test/support/producer-program.ts'
import type { ProducerSpec, SentRecord } from '#test/support/producer-spec.ts'

/** kafkajs, told by a ProducerSpec and answering in Outcomes: see producer-spec.ts. One record per send. */

interface Settings {
  client: KafkaConfig
  producer: ProducerConfig
  send: Pick<ProducerRecord, 'acks' | 'timeout' | 'compression'>
  /** Sends under way at once, at most. With more than one kafkajs keeps no order, unless idempotent. */
  inFlight: number
}

type Setter = (settings: Settings, value: string) => void

/** What kafkajs calls the properties of Kafka's own producer. */
const PROPERTIES: Record<string, Setter> = {
  'client.id': ({ client }, value) => (client.clientId = value),
  acks: ({ send }, value) => (send.acks = value === 'all' ? -1 : Number(value)),
  'compression.type': ({ send }, value) => (send.compression = compression(value)),
  'enable.idempotence': ({ producer }, value) => (producer.idempotent = value === 'true'),
  'metadata.max.age.ms': ({ producer }, value) => (producer.metadataMaxAge = Number(value)),
  retries: ({ client }, value) => (client.retry = { ...client.retry, retries: Number(value) }),
  'retry.backoff.ms': ({ client }, value) =>
    (client.retry = { ...client.retry, initialRetryTime: Number(value) }),
  'request.timeout.ms': ({ client, send }, value) => (client.requestTimeout = send.timeout = Number(value)),
  'max.in.flight.requests.per.connection': (settings, value) =>
    (settings.producer.maxInFlightRequests = settings.inFlight = Number(value)),
}

const spec = await readSpec()
const settings = settingsOf(spec)
/** The partition of each message, which kafkajs does not tell when a send fails. */
const chosen = new WeakMap<Message, number>()
const start = performance.now()
const producer = new Kafka(settings.client).producer(settings.producer)
await producer.connect()
const sent = await sendAll(spec, settings.inFlight, (record) => send(producer, record))
await producer.disconnect()
print({ done: true, sent, ms: performance.now() - start })
process.stdin.destroy()

function settingsOf({ bootstrap, properties }: ProducerSpec): Settings {
  const settings: Settings = {
    client: { brokers: bootstrap.split(',') },
    producer: { createPartitioner: noticingPartitioner },
    send: {},
    inFlight: 1,
  }
  for (const [name, value] of Object.entries(properties ?? {})) {
    const set = PROPERTIES[name]
    if (!set) throw new Error(`kafkajs has nothing like ${name}`)
    set(settings, value)
  }
  return settings
}

function compression(name: string): CompressionTypes {
  if (name === 'none') return CompressionTypes.None
  if (name === 'gzip') return CompressionTypes.GZIP
  throw new Error(`kafkajs cannot compress with ${name} by itself`)
}

function noticingPartitioner(): ReturnType<typeof Partitioners.DefaultPartitioner> {
  const choose = Partitioners.DefaultPartitioner()
  return (args) => {
    const partition = choose(args)
    chosen.set(args.message, partition)
    return partition
  }
}

async function send(producer: Producer, record: SentRecord): Promise<Answer> {
  const message = messageOf(record)
  const partition = (): number | null => chosen.get(message) ?? null
  try {
    const [answer] = await producer.send({ ...settings.send, topic: record.topic, messages: [message] })
    // With acks=0 there is no answer.
    const offset = answer ? Number(answer.baseOffset) : -1
    return { partition: partition(), offset, error: null, code: null }
  } catch (error) {
    return { partition: partition(), offset: -1, ...reasonOf(error as Error) }
  }
}

function messageOf({ key, value, partition, headers, timestamp }: SentRecord): Message {
  const message: Message = { key, value, headers: headersOf(headers) }
  if (partition !== null) message.partition = partition
  if (timestamp !== null) message.timestamp = String(timestamp)
  return message
}

/** kafkajs keeps repeated names together, and has no null values: what it cannot say is refused. */
function headersOf(headers: SentRecord['headers']): Record<string, Buffer[]> {
  const byName: Record<string, Buffer[]> = {}
  for (const [name, value] of headers) {
    if (value === null) throw new Error(`kafkajs cannot send the header ${name} without a value`)
    ;(byName[name] ??= []).push(value)
  }
  const kept = Object.entries(byName).flatMap(([name, values]) => values.map(() => name))
  if (kept.join() !== headers.map(([name]) => name).join())
    throw new Error('kafkajs would sort these headers')
  return byName
}

/** The reason below "retries exceeded", with the broker's code if there is one. */
function reasonOf(error: Error): Pick<Answer, 'error' | 'code'> {
  const reason = error.cause instanceof Error ? error.cause : error
  const { type, code } = reason as { type?: string; code?: unknown }
  const text = `${type ?? reason.name}: ${reason.message}`
  return { error: text, code: typeof code === 'number' ? code : null }
}
