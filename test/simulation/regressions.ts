/**
 * Seeds that have shown a bug of the engine, and are run in every test. A seed means another run whenever the
 * simulation draws differently: then the bug is put in again (mutations.ts) and its seed is looked for anew.
 */
export const REGRESSIONS: readonly { name: string; seed: number; wrong: string }[] = [
  {
    name: 'idle pair without a leader',
    seed: 17,
    wrong: 'metadata said 3, idle pairs were made to wait for a leader; the next answer threw',
  },
  {
    name: 'idle pair without a leader, stuck',
    seed: 1,
    wrong: 'the same; the pair waits with nothing in its queue',
  },
  {
    name: 'held too short',
    seed: 16,
    wrong: 'a frame that waited behind a pause got its 19 at once while the breaker was open',
  },
  {
    name: 'one guard for two connections',
    seed: 21,
    wrong: 'the guard of one connection was replaced by that of another with the same producer id',
  },
  {
    name: 'one guard for two connections, many producers',
    seed: 266,
    wrong: 'the same',
  },
  {
    name: 'twice among the ready',
    seed: 71,
    wrong: 'a pair stood many times in the queue of its partition and had as many turns',
  },
  {
    name: 'guard lifted too early',
    seed: 34,
    wrong: 'a new batch followed the failed one before those that were held had come again: 45',
  },
  {
    name: 'guard lifted too early, again',
    seed: 87,
    wrong: 'the same',
  },
  {
    name: 'not stored, or so it said',
    seed: 1006,
    wrong: 'a refusal was passed down though an attempt before it might have been stored',
  },
  {
    name: 'not stored, or so it said, again',
    seed: 7304,
    wrong: 'the same',
  },
  {
    name: 'a held batch let through before its client could have read of the one before',
    seed: 7621,
    wrong:
      'a re-send that was on its way already was taken for a sign that the client had dropped the one before: 45',
  },
]
