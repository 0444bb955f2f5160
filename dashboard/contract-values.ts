/**
 * The values of `status/contract.ts` that the page needs while it runs. Only types are imported
 * from there; test/dashboard compares both.
 */
export const STREAM_PROTOCOL = 1
export const SUBPROTOCOL = 'sluice.v1'

/** The most names that may be asked for beside the top ones, of either kind. */
export const MOST_NAMES = 50

/** Stands among the topics for all that are not counted by name. */
export const OTHER_TOPICS = '(other)'

export const CLOSE_CODES: Record<number, string> = {
  1001: 'the node drains or ends',
  1008: 'not allowed: a page from elsewhere, or a frame that is no text',
  1009: 'a frame of more than 16 KiB',
  1013: 'the client reads too slowly, or too many are connected',
  4401: 'no ticket, or one that was used, has expired or belongs to another address',
}
