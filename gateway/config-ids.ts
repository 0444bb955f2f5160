/** Ids go from 1 to this; a virtual broker's id is slot × 1024 + cluster id (DESIGN §5). */
export const MAX_CLUSTER_ID = 1023

/**
 * The id that a cluster has when `clusters[].id` is left out: FNV-1a (32 bit) over the UTF-8 name, folded
 * into 1..1023. Clients remember broker ids, so this function may never change.
 */
export function clusterVirtualId(cluster: string): number {
  return (fnv1a(cluster) % MAX_CLUSTER_ID) + 1
}

/** FNV-1a, 32 bit, over the UTF-8 bytes. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}
