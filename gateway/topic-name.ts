const NAME = /^[a-zA-Z0-9._-]{1,249}$/

/**
 * Whether a topic can have this name at all (Kafka's own rule). Any other is not worth a question to a
 * cluster, nor a place in a table: it may be 32 KiB long.
 */
export function isTopicName(name: string): boolean {
  return NAME.test(name) && name !== '.' && name !== '..'
}
