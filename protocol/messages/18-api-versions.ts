import { apis } from '#protocol/apis.ts'
import {
  array,
  boolean,
  type Decoded,
  int16,
  int32,
  int64,
  message,
  string,
  struct,
} from '#protocol/schema.ts'

/**
 * ApiVersions, versions 0 to 4.
 *
 * 1 throttle_time_ms · 2 the answer leaves before throttling (KIP-219)
 * 3 compact lengths and tagged fields (KIP-482), name and version of the client's software (KIP-511),
 *   features of the cluster (KIP-584); zk_migration_ready (KIP-866)
 * 4 features may begin at 0, which brokers leave out in 3 (KAFKA-17011)
 *
 * A version that is too high is answered with UNSUPPORTED_VERSION in the bytes of version 0, and api_keys
 * then names the versions of ApiVersions itself (KIP-511). The response header is version 0 always.
 */
export const apiVersionsRequest = message(apis.apiVersions.flexibleFrom, {
  clientSoftwareName: string.since(3),
  clientSoftwareVersion: string.since(3),
})

export const apiVersionsResponse = message(apis.apiVersions.flexibleFrom, {
  errorCode: int16,
  apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
  throttleTimeMs: int32.since(1),
  supportedFeatures: array(struct({ name: string, minVersion: int16, maxVersion: int16 })).tagged(0, 3),
  finalizedFeaturesEpoch: int64.or(-1n).tagged(1, 3),
  finalizedFeatures: array(struct({ name: string, maxVersionLevel: int16, minVersionLevel: int16 })).tagged(
    2,
    3,
  ),
  zkMigrationReady: boolean.tagged(3, 3),
})

export type ApiVersionsRequest = Decoded<typeof apiVersionsRequest>
export type ApiVersionsResponse = Decoded<typeof apiVersionsResponse>
