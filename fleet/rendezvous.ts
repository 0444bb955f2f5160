/**
 * The slot of the node that is shown as the leader of a partition: the one with the highest weight for it. Every
 * node comes to the same answer from the same slots in any order, and when a slot goes only its own share
 * moves, evenly to the others.
 *
 * @param slots of the nodes that serve; at least one
 */
export function leaderSlot(topic: string, partition: number, slots: readonly number[]): number {
  const key = mix(hash(topic) ^ Math.imul(partition, 0x9e3779b1))
  let best = slots[0]!
  let highest = -1
  for (const slot of slots) {
    const weight = mix(key ^ mix(slot + 0x7f4a7c15))
    if (weight > highest || (weight === highest && slot < best)) {
      highest = weight
      best = slot
    }
  }
  return best
}

/** FNV-1a over the code units. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value
}

/** The finalizer of MurmurHash3: every bit of the input changes about half of the output's. */
function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
