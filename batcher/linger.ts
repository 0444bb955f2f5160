import type { Broker } from '#batcher/broker.ts'
import type { EngineSettings } from '#batcher/ports.ts'
import type { Window } from '#batcher/window.ts'

/** As long as Kafka's own producer waits since 4.0 (KIP-1030), in ms. */
export const AUTO_LINGER_MS = 5
/** With so much in it a window gains little by waiting: 8 batches bring most of it (peer-measurements.md §4). */
const ENOUGH_BATCHES = 32
const ENOUGH_BYTES = 64 * 1024
/** Waiting pays for at least so many further batches. */
const WORTH_WAITING = 2

/**
 * Until when a window stays open although a lane is free, in ms of the clock; in the past: it closes now.
 *
 * The time runs from the last closing, so that what a submission left over does not shorten the next window;
 * but no batch waits longer than two windows in all. Whether to wait is asked once: a window that gave up when
 * little of its time is left would have waited for less than it paid for. So what arrives costs no look at it.
 */
export function openUntil(
  window: Window,
  broker: Broker,
  { linger, maxBytes, maxPartitions }: EngineSettings['window'],
  now: number,
): number {
  const span = linger === 'auto' ? AUTO_LINGER_MS : linger
  if (span === 0) return now
  const heldUntil = window.heldUntil(now)
  if (heldUntil > 0) return heldUntil
  const until = Math.min(window.openedAt + span, window.oldestReadyAt() + 2 * span)
  if (until <= now) return until
  const partitions = linger === 'auto' ? Math.min(ENOUGH_BATCHES, maxPartitions) : maxPartitions
  const bytes = linger === 'auto' ? Math.min(ENOUGH_BYTES, maxBytes) : maxBytes
  if (window.length >= partitions || window.bytes >= bytes) return now
  if (linger === 'auto' && !worthWaiting(window, broker, until - now, now)) return now
  window.hold(until, partitions, bytes)
  return until
}

function worthWaiting(window: Window, broker: Broker, ms: number, now: number): boolean {
  return window.arrivals.expected(now, ms, window.length, broker.partitions) >= WORTH_WAITING
}
