import type { Difference } from '#test/equivalence/compare.ts'

/**
 * Where two clusters answer differently, and why. An entry covers everything below `at` in the rows it names.
 * A difference without an entry fails the suite, and so does an entry without a difference.
 */
export interface KnownDifference {
  rows: string[]
  /** Keys on the way down, with dots. */
  at: string[]
  reason: string
}

export function isCovered({ at }: Difference, row: string, known: KnownDifference): boolean {
  return known.rows.includes(row) && known.at.some((prefix) => at === prefix || at.startsWith(`${prefix}.`))
}

const API_LISTS = ['ApiVersions 0', 'ApiVersions 1', 'ApiVersions 2', 'ApiVersions 3', 'ApiVersions 4']
const UNKNOWN_API_LISTS = ['ApiVersions 6, then 4', 'ApiVersions 32767, then 4']

/** 3.9.2 against 4.4.0. */
export const VERSION_DIFFERENCES: KnownDifference[] = [
  {
    rows: ['version 12', 'version 12, unknown topic and bad record'],
    at: ['steps', 'connection'],
    reason: 'Produce 12 came with Kafka 4.0: 3.9 closes the connection',
  },
  { rows: ['version 12'], at: ['stored.a-0'], reason: 'so 3.9 stores nothing' },
  {
    rows: [
      'poison: a time in 61 minutes',
      'poison: one of two records in 61 minutes',
      'poison: one compressed record in 61 minutes',
      'poison: one of two compressed records in 61 minutes',
    ],
    at: ['steps.0.responses.a.1', 'stored.a-1'],
    reason: 'message.timestamp.after.max.ms is an hour since 4.0; before it had no bound',
  },
  { rows: API_LISTS, at: ['steps.0.apiKeys'], reason: 'each release has ranges of its own' },
  {
    rows: ['ApiVersions 3', 'ApiVersions 4'],
    at: ['steps.0.supportedFeatures', 'steps.0.finalizedFeatures'],
    reason: 'each release has features of its own',
  },
  {
    rows: UNKNOWN_API_LISTS,
    at: ['steps.0.apiKeys', 'steps.1.apiKeys', 'steps.1.supportedFeatures', 'steps.1.finalizedFeatures'],
    reason: '4.4 speaks ApiVersions 5 (KIP-1242), and has ranges and features of its own',
  },
  {
    rows: ['bytes: ApiVersions 5'],
    at: ['steps.0'],
    reason: '4.4 speaks ApiVersions 5 (KIP-1242); 3.9 answers 35 in the bytes of version 0',
  },
  {
    rows: ['bytes: Produce 2'],
    at: ['steps.0', 'connection'],
    reason: 'Kafka 4 closes the connection on versions before 3 (KIP-896), though it lists them',
  },
  {
    rows: ['ListOffsets of a partition twice'],
    at: ['steps.0.topics.a.0 again'],
    reason: '3.9 answers a partition that is listed twice twice, with 42 both times',
  },
]

const CLOSED = 'compressed records are not opened'

/** The sandbox against 4.4.0. */
export const SANDBOX_DIFFERENCES: KnownDifference[] = [
  {
    rows: [
      'poison: gzip garbage',
      'poison: snappy garbage',
      'poison: lz4 garbage',
      'poison: zstd garbage',
      'poison: gzip without payload',
    ],
    at: ['steps.0.responses.a.1', 'stored.a-1'],
    reason: `${CLOSED}: garbage in a batch whose header and CRC are right is stored`,
  },
  {
    rows: ['a compressed batch whose header has other times'],
    at: ['stored.a-0.1.maxTimestamp', 'stored.a-0.1.crc', 'stored.a-0.1.from21'],
    reason: `${CLOSED}: a newest time that no record has stays in the header`,
  },
  {
    rows: ['poison: one of two compressed records in 61 minutes'],
    at: ['steps.0.responses.a.1.recordErrors'],
    reason: `${CLOSED}: which record is too far ahead is not known, the last one is blamed`,
  },
  {
    rows: ['poison: two compressed records, counted as three'],
    at: ['steps.0.responses.a.1', 'stored.a-1'],
    reason: `${CLOSED}: their number is believed`,
  },
  {
    rows: ['a compacted topic, compressed records without a key'],
    at: ['steps.0.responses.compacted.1'],
    reason: `${CLOSED}: a missing key is not noticed`,
  },
  {
    rows: ['ListOffsets by time, inside a batch'],
    at: ['steps.1.topics.a.0'],
    reason: 'a time is looked up by batches, not by records',
  },
  {
    rows: ['InitProducerId with a transactional id'],
    at: ['steps.0'],
    reason: 'transactions are not served: 53',
  },
  {
    rows: API_LISTS,
    at: ['steps.0.apiKeys'],
    reason: 'ranges end where protocol/ ends; a test holds them to be within those of 4.4',
  },
  {
    rows: ['ApiVersions 3', 'ApiVersions 4'],
    at: ['steps.0.supportedFeatures', 'steps.0.finalizedFeatures', 'steps.0.finalizedFeaturesEpoch'],
    reason: 'a cluster without features',
  },
  {
    rows: UNKNOWN_API_LISTS,
    at: [
      'steps.0.apiKeys',
      'steps.1.apiKeys',
      'steps.1.supportedFeatures',
      'steps.1.finalizedFeatures',
      'steps.1.finalizedFeaturesEpoch',
    ],
    reason: 'ApiVersions up to 4 as in 3.9 and 4.3, and a cluster without features',
  },
  {
    rows: ['bytes: ApiVersions 5'],
    at: ['steps.0'],
    reason: 'ApiVersions up to 4 as in 3.9 and 4.3: 5 is answered 35 in the bytes of version 0',
  },
  {
    rows: ['Fetch that begins a session'],
    at: ['steps.1.sessionId'],
    reason: 'fetch sessions are not served: every answer says session 0, which means none',
  },
  {
    rows: ['CreateTopics with a setting that is unknown'],
    at: ['steps.0.topics.odd'],
    reason: 'the names of topic settings are not checked',
  },
  {
    rows: ['CreateTopics with an assignment'],
    at: ['steps.0.topics.assigned'],
    reason: 'replicas cannot be placed by hand: 39',
  },
]
