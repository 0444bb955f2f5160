import type { Api } from '#protocol/apis.ts'
import type { Request } from '#sandbox/request.ts'

export interface VersionRange {
  readonly min: number
  readonly max: number
}

/** One API. What is registered is what ApiVersions lists, so what is listed is there. */
export interface Handler {
  readonly api: Api
  readonly served: VersionRange
  /** Where that differs from `served`. */
  readonly listed?: VersionRange
  /**
   * Ends the request, now or later, in one of the ways of `Request` and `Connection`.
   * @throws ProtocolError for a body that cannot be read: the connection is closed
   */
  handle(request: Request, all: readonly Handler[]): void
}
