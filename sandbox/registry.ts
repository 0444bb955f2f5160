import type { Handler } from '#sandbox/handler.ts'
import { produce } from '#sandbox/handlers/00-produce.ts'
import { fetch } from '#sandbox/handlers/01-fetch.ts'
import { listOffsets } from '#sandbox/handlers/02-list-offsets.ts'
import { metadata } from '#sandbox/handlers/03-metadata.ts'
import { findCoordinator } from '#sandbox/handlers/10-find-coordinator.ts'
import { apiVersions } from '#sandbox/handlers/18-api-versions.ts'
import { createTopics } from '#sandbox/handlers/19-create-topics.ts'
import { initProducerId } from '#sandbox/handlers/22-init-producer-id.ts'

/** Everything that the sandbox speaks. */
export const handlers: readonly Handler[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  findCoordinator,
  apiVersions,
  createTopics,
  initProducerId,
]
