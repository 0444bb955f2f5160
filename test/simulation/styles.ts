/** How a client library behaves (kafka.md §2.6). */
export interface Style {
  name: string
  idempotent: boolean
  acks: -1 | 0 | 1 | 'mixed'
  requestsInFlight: number
  partitionsPerRequest: number
  /** Sends after the first. */
  retries: number
  backoffMs: number
  /** After an error: `oneByOne` sends nothing else until the first is through; `inOrder` sends the rest behind it. */
  retryOrder: 'oneByOne' | 'inOrder' | 'any'
  /** What 45 does: a new epoch, or the end of the producer. */
  onOutOfOrder: 'bump' | 'fatal'
  /** When its own time is over for a batch: wait for the broker's 45, or take a new epoch at once. */
  onDrop: 'wait' | 'bump'
  /** Producer ids that share its connection, as behind a proxy; default 1. */
  producers?: number
}

const MANY = 1_000_000

export const STYLES: readonly Style[] = [
  {
    name: 'java',
    idempotent: true,
    acks: -1,
    requestsInFlight: 5,
    partitionsPerRequest: 16,
    retries: MANY,
    backoffMs: 100,
    retryOrder: 'oneByOne',
    onOutOfOrder: 'bump',
    onDrop: 'wait',
  },
  {
    name: 'librdkafka-idempotent',
    idempotent: true,
    acks: -1,
    requestsInFlight: 5,
    partitionsPerRequest: 1,
    retries: MANY,
    backoffMs: 100,
    retryOrder: 'inOrder',
    onOutOfOrder: 'fatal',
    onDrop: 'bump',
  },
  {
    name: 'franz-go',
    idempotent: true,
    acks: -1,
    requestsInFlight: 5,
    partitionsPerRequest: 16,
    retries: MANY,
    backoffMs: 250,
    retryOrder: 'inOrder',
    onOutOfOrder: 'bump',
    onDrop: 'bump',
  },
  {
    name: 'librdkafka',
    idempotent: false,
    acks: -1,
    requestsInFlight: MANY,
    partitionsPerRequest: 1,
    retries: MANY,
    backoffMs: 100,
    retryOrder: 'any',
    onOutOfOrder: 'fatal',
    onDrop: 'bump',
  },
  {
    name: 'sarama',
    idempotent: false,
    acks: 1,
    requestsInFlight: 5,
    partitionsPerRequest: 16,
    retries: 3,
    backoffMs: 100,
    retryOrder: 'any',
    onOutOfOrder: 'fatal',
    onDrop: 'bump',
  },
  {
    name: 'kafkajs',
    idempotent: false,
    acks: -1,
    requestsInFlight: MANY,
    partitionsPerRequest: 16,
    retries: 5,
    backoffMs: 300,
    retryOrder: 'any',
    onOutOfOrder: 'fatal',
    onDrop: 'bump',
  },
  {
    name: 'one-in-flight',
    idempotent: false,
    acks: -1,
    requestsInFlight: 1,
    partitionsPerRequest: 4,
    retries: 20,
    backoffMs: 50,
    retryOrder: 'inOrder',
    onOutOfOrder: 'fatal',
    onDrop: 'bump',
  },
  {
    name: 'one-in-flight-leader',
    idempotent: false,
    acks: 1,
    requestsInFlight: 1,
    partitionsPerRequest: 1,
    retries: 20,
    backoffMs: 50,
    retryOrder: 'inOrder',
    onOutOfOrder: 'fatal',
    onDrop: 'bump',
  },
  {
    name: 'fire-and-forget',
    idempotent: false,
    acks: 0,
    requestsInFlight: MANY,
    partitionsPerRequest: 2,
    retries: 0,
    backoffMs: 0,
    retryOrder: 'any',
    onOutOfOrder: 'fatal',
    onDrop: 'bump',
  },
  {
    name: 'mixed-acks',
    idempotent: false,
    acks: 'mixed',
    requestsInFlight: 8,
    partitionsPerRequest: 2,
    retries: 3,
    backoffMs: 20,
    retryOrder: 'any',
    onOutOfOrder: 'fatal',
    onDrop: 'bump',
  },
  {
    name: 'many-producers-one-connection',
    idempotent: true,
    acks: -1,
    requestsInFlight: 60,
    partitionsPerRequest: 4,
    retries: MANY,
    backoffMs: 100,
    retryOrder: 'oneByOne',
    onOutOfOrder: 'bump',
    onDrop: 'bump',
    producers: 5,
  },
]
