import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { ClusterLink } from '#gateway/cluster-link.ts'
import { REST_MS, Rest } from '#gateway/rest.ts'

/** A cluster whose batches wait for their window, and nothing else is to be done. */
const lingering = () => ({
  engine: { inFlightBytes: 0 },
  clock: { flushes: false, wakesAt: performance.now() + 4 },
  counters: { urgentAt: Number.NEGATIVE_INFINITY },
})

/** @returns how often a worker with these clusters sleeps when something has come twice in a turn */
async function rests(t: TestContext, links: ReturnType<typeof lingering>[]): Promise<number> {
  const wait = t.mock.method(Atomics, 'wait', (_: unknown, __: number, ___: number, ms: number) => {
    assert.equal(ms, REST_MS)
    return 'timed-out'
  })
  const rest = new Rest(() => links as unknown as ClusterLink[])
  rest.soon()
  rest.soon()
  await turn()
  await turn()
  wait.mock.restore()
  return wait.mock.callCount()
}

test('a worker rests once at the end of the turn, while all that came waits for a window', async (t) => {
  assert.equal(await rests(t, [lingering()]), 1)
  assert.equal(await rests(t, [lingering(), lingering()]), 1)
})

test('it does not while anything else is to be done, for whichever cluster', async (t) => {
  const now = performance.now()
  const troubles: Record<string, (link: ReturnType<typeof lingering>) => void> = {
    'an answer is to come': ({ engine }) => (engine.inFlightBytes = 100),
    'a batch is to leave in this turn': ({ clock }) => (clock.flushes = true),
    'a window closes sooner': ({ clock }) => (clock.wakesAt = now + REST_MS / 2),
    'a batch left that had not waited, a moment ago': ({ counters }) => (counters.urgentAt = now - 10),
  }
  for (const [name, trouble] of Object.entries(troubles)) {
    const busy = lingering()
    trouble(busy)
    assert.equal(await rests(t, [lingering(), busy]), 0, name)
  }
})
