import { apis } from '#protocol/apis.ts'
import { type Decoded, int8, int16, int32, message, string } from '#protocol/schema.ts'

/**
 * FindCoordinator, versions 0 to 3: one key per request (4 asks for many, KIP-699).
 *
 * 1 key_type, throttle_time_ms, error_message (KIP-98) · 2 the answer leaves before throttling (KIP-219)
 * 3 compact lengths and tagged fields (KIP-482)
 */
export const findCoordinatorRequest = message(apis.findCoordinator.flexibleFrom, {
  key: string,
  /** 0 consumer group, 1 transactional id */
  keyType: int8.since(1),
})

export const findCoordinatorResponse = message(apis.findCoordinator.flexibleFrom, {
  throttleTimeMs: int32.since(1),
  errorCode: int16,
  errorMessage: string.nullable().or('').since(1),
  nodeId: int32,
  host: string,
  port: int32,
})

export type FindCoordinatorRequest = Decoded<typeof findCoordinatorRequest>
export type FindCoordinatorResponse = Decoded<typeof findCoordinatorResponse>
