import type { Crowd } from '#gateway/demo-crowd.ts'
import { baseSequence } from '#protocol/record-batch.ts'
import type { Sandbox } from '#sandbox/sandbox.ts'

/** Reads the sandboxes' logs: every acknowledged batch must stand there once, at the offset that was told. */
export function verify(crowd: Crowd, sandboxes: readonly Sandbox[]): { ok: boolean; text: string } {
  const wrong: string[] = []
  let acked = 0
  let stored = 0
  for (const sandbox of sandboxes) {
    const found = storedBatches(sandbox)
    for (const [key, offsets] of found) {
      stored += offsets.length
      if (offsets.length > 1) wrong.push(`${key} is stored ${offsets.length} times`)
    }
    for (const { topic, partition, producerId, sequence, offset } of crowd.acks.get(sandbox.name)!) {
      acked++
      const key = `${topic}-${partition} producer ${producerId} sequence ${sequence}`
      const offsets = found.get(key)
      if (!offsets) wrong.push(`${key} was acknowledged and is not there`)
      else if (offsets[0] !== offset) wrong.push(`${key} is at offset ${offsets[0]}, the ack said ${offset}`)
    }
  }
  if (crowd.unacked > 0) wrong.push(`${crowd.unacked} batches were never acknowledged`)
  const ok = wrong.length === 0 && acked > 0
  const text = ok
    ? `verified: ${acked} batches acknowledged, each of them in its cluster's log exactly once`
    : [`FAILED: ${acked} acknowledged, ${stored} stored`, ...wrong.slice(0, 20)].join('\n')
  return { ok, text }
}

/** Offsets by topic, partition, producer and sequence, of the crowd's own batches. */
function storedBatches(sandbox: Sandbox): Map<string, number[]> {
  const found = new Map<string, number[]>()
  for (const { topic, partitions } of sandbox.topics) {
    for (let partition = 0; partition < partitions; partition++) {
      for (const { offset, bytes } of sandbox.log(topic, partition)) {
        const producerId = bytes.readBigInt64BE(43)
        if (producerId < 0n) continue
        const key = `${topic}-${partition} producer ${producerId} sequence ${baseSequence(bytes)}`
        found.set(key, [...(found.get(key) ?? []), offset])
      }
    }
  }
  return found
}
