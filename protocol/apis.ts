/**
 * The one table of what Sluice speaks. ApiVersions, dispatch, the documents and the tests all read it.
 *
 * `codec`: the versions that protocol/messages can read and write, in both directions.
 * `listed`: what ApiVersions shows to clients; null = never listed, and a request closes the connection.
 * `served`: the first version a client may really send; below it the connection is closed with a reason.
 * `role`: answered here, routed to the clusters, refused politely, or spoken to clusters only.
 */
export interface Api {
  readonly key: number
  readonly name: string
  readonly codec: { readonly min: number; readonly max: number }
  readonly flexibleFrom: number
  readonly listed: { readonly min: number; readonly max: number } | null
  readonly served: number
  readonly role: 'answered' | 'routed' | 'refused' | 'upstream'
}

const NEVER = 0x7fff

export const apis = {
  /** Listed from 0 because of KAFKA-18659: librdkafka stops compressing when it sees a higher minimum. */
  produce: api(0, 'Produce', [3, 12], 9, 'routed', [0, 12], 3),
  /** Fetch, ListOffsets, FindCoordinator: librdkafka derives message format and codecs from their ranges. */
  fetch: api(1, 'Fetch', [4, 11], 12, 'refused', [4, 11]),
  listOffsets: api(2, 'ListOffsets', [1, 5], 6, 'refused', [1, 5]),
  metadata: api(3, 'Metadata', [0, 12], 9, 'answered', [0, 12]),
  findCoordinator: api(10, 'FindCoordinator', [0, 3], 3, 'refused', [0, 3]),
  apiVersions: api(18, 'ApiVersions', [0, 4], 3, 'answered', [0, 4]),
  createTopics: api(19, 'CreateTopics', [2, 7], 5, 'upstream', null),
  initProducerId: api(22, 'InitProducerId', [0, 5], 2, 'answered', [0, 5]),
} as const

export const apiList: readonly Api[] = Object.values(apis)

const byKey = new Map(apiList.map((entry) => [entry.key, entry]))

export function findApi(key: number): Api | undefined {
  return byKey.get(key)
}

/** Request header version 2 carries tagged fields, 1 does not. */
export function requestHeaderVersion(entry: Api, version: number): 1 | 2 {
  return version >= entry.flexibleFrom ? 2 : 1
}

/** ApiVersions answers with header 0 always: a client that knows no version yet must be able to read it. */
export function responseHeaderVersion(entry: Api, version: number): 0 | 1 {
  return entry.key !== 18 && version >= entry.flexibleFrom ? 1 : 0
}

function api(
  key: number,
  name: string,
  [min, max]: [number, number],
  flexibleFrom: number | null,
  role: Api['role'],
  listed: [number, number] | null,
  served = listed?.[0] ?? NEVER,
): Api {
  return {
    key,
    name,
    codec: { min, max },
    flexibleFrom: flexibleFrom ?? NEVER,
    listed: listed && { min: listed[0], max: listed[1] },
    served,
    role,
  }
}
