import type { Batch } from '#batcher/batch.ts'
import type { Lane } from '#batcher/lane.ts'
import type { Submission } from '#batcher/submission.ts'

/**
 * What the engine is handed. It has no clock, no timer, no chance and no socket of its own, so the same code
 * runs under a seeded simulator and under real connections.
 */

/** Time in milliseconds from any fixed point; never goes back. */
export interface Clock {
  now(): number
  /** Calls `engine.onWake()` at that time or soon after; the last call replaces the ones before. */
  wakeAt(time: number): void
  /** Calls `engine.flush()` once, at the end of the current turn. */
  flushSoon(): void
  /** What has just come is to wait: for the time of the last `wakeAt`, or for more. */
  lingers(): void
  /** Uniform in [0, 1). */
  random(): number
}

/** The way to the cluster. Answers come back through `engine.on...`, never from inside these calls. */
export interface Submit {
  /** Connects, however long it takes, until `onLaneOpen`; a lane that fails comes back by `onLaneClosed`. */
  open(lane: Lane): void
  send(lane: Lane, submission: Submission): void
  /** Closes at once; `onLaneClosed` follows when a submission was under way. */
  close(lane: Lane): void
  /** Asks the cluster who leads the topic's partitions, soon and once for many; `onLeaders` brings the answer. */
  askLeaders(topic: string): void
}

/** Counts what happens. Called on the hot path: must neither throw nor allocate much. */
export interface Observer {
  accepted(batch: Batch): void
  submitted(submission: Submission): void
  answered(batch: Batch): void
  retried(batch: Batch, errorCode: number): void
}

/** Who waits for the answer of a batch. Called exactly once per batch; must not call the engine back. */
export interface Waiter {
  answered(batch: Batch): void
}

/** What an engine may do, in ms and bytes. Replaced as a whole by a reload or a new grant. */
export interface EngineSettings {
  window: { linger: 'auto' | number; maxBytes: number; maxPartitions: number }
  /** Lanes to each broker, at most. */
  lanes: number
  /** Bytes that may be in submissions at once; the first submission always fits. */
  inFlightBytes: number
  /** Submissions per second to the whole cluster, evenly spaced; 0 is no limit. */
  submissionsPerSecond: number
}

export interface EnginePorts {
  clock: Clock
  submit: Submit
  observer: Observer
}
