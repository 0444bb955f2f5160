/** A bug put in on purpose, which the simulation must notice. */
export interface Mutation {
  name: string
  file: string
  /** Stands in the file exactly once. */
  find: string
  replace: string
  /** What must notice it: seeds, tried one after the other, or a scenario. */
  by: { seeds: number } | { scenario: string }
}

const SEEDS = { seeds: 1000 }

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'ack before submit',
    file: 'batcher/engine.ts',
    find: '    this.#submit.send(lane, submission)',
    replace: `    for (const batch of submission.batches) if (!batch.answered) this.#queues.fail(batch, 0)
    this.#submit.send(lane, submission)`,
    by: SEEDS,
  },
  {
    name: 'two batches of a partition in a window',
    file: 'batcher/window.ts',
    find: '        if (partition.ready[this.acksClass].length > 0) again.push(partition)\n',
    replace: `        const second = nextReady(partition, this.acksClass)?.queue.peek()
        if (second) {
          partition.delist(this.acksClass)
          batches.push(second)
          bytes += second.size
        }
        if (partition.ready[this.acksClass].length > 0) again.push(partition)
`,
    by: SEEDS,
  },
  {
    name: 'second batch of a pair in flight once the first has been answered for lateness',
    file: 'batcher/queues.ts',
    find: 'if (batch.submission === null) this.remove(pair, batch)',
    replace: 'this.remove(pair, batch)',
    by: SEEDS,
  },
  {
    name: 'second batch of a pair in flight when the leader moves, without a producer id',
    file: 'batcher/engine.ts',
    find: '      if (!batch.idempotent) continue\n',
    replace: '',
    by: SEEDS,
  },
  {
    name: 'hole after a failed head',
    file: 'batcher/queues.ts',
    find: 'if (code !== 0) this.#guardBehind(pair, head)',
    replace: '',
    by: SEEDS,
  },
  {
    name: 'no guard after error 2 or 10',
    file: 'batcher/queues.ts',
    find: 'if (code !== 0) this.#guardBehind(pair, head)',
    replace: 'if (code !== 0 && code !== 2 && code !== 10) this.#guardBehind(pair, head)',
    by: SEEDS,
  },
  {
    name: 'no guard after a batch refused at ingress',
    file: 'batcher/queues.ts',
    find: `      this.#answer(head, head.refusal)
      this.#guardBehind(pair, head)`,
    replace: '      this.#answer(head, head.refusal)',
    by: SEEDS,
  },
  {
    name: 'gap guard without its third way out',
    file: 'batcher/pair.ts',
    find: 'batch.epoch !== this.#epoch || this.#held.get(baseSequence) === this.#passed',
    replace: 'batch.epoch !== this.#epoch',
    by: SEEDS,
  },
  {
    name: 'gap guard lifted by the failed batch alone',
    file: 'batcher/pair.ts',
    find: 'this.lifted = this.#held.size === 0',
    replace: 'this.lifted = true',
    by: SEEDS,
  },
  {
    name: 'one guard for all connections of a producer',
    file: 'batcher/queues.ts',
    find: 'pair.guards ??= new Map()',
    replace: 'pair.guards = new Map()',
    by: SEEDS,
  },
  {
    name: 're-send of a non-idempotent unknown',
    file: 'batcher/retry.ts',
    find: "(verdict === 'unknown' && batch.idempotent)",
    replace: "verdict === 'unknown'",
    by: SEEDS,
  },
  {
    name: 'error 6 with an offset taken for not stored',
    file: 'batcher/retry.ts',
    find: "return baseOffset < 0 ? 'leader' : 'unknown'",
    replace: "return 'leader'",
    by: SEEDS,
  },
  {
    name: 'acks=0 dropped on close',
    file: 'batcher/queues.ts',
    find: ' && batch.acks !== 0',
    replace: '',
    by: SEEDS,
  },
  {
    name: 'a hole when a client leaves: only every other unsent batch is dropped',
    file: 'batcher/queues.ts',
    find: 'const unsent = batch.attempts === 0 && !batch.answered',
    replace: 'const unsent = batch.attempts === 0 && !batch.answered && batch.baseSequence % 2 === 0',
    by: SEEDS,
  },
  {
    name: 'answers by position',
    file: 'batcher/engine.ts',
    find: 'this.#onResult(batch, results[i] ?? null, now)',
    replace: 'this.#onResult(batch, results[results.length - 1 - i] ?? null, now)',
    by: SEEDS,
  },
  {
    name: 'lost deadline',
    file: 'batcher/deadlines.ts',
    find: 'this.#earliest = last\n',
    replace: 'this.#earliest = last + 1\n',
    by: SEEDS,
  },
  {
    name: '19 where the outcome is unknown',
    file: 'batcher/retry.ts',
    find: 'return batch.outcomeUnknown || batch.submission !== null ? REQUEST_TIMED_OUT : NOT_ENOUGH_REPLICAS',
    replace: 'return batch.submission !== null ? REQUEST_TIMED_OUT : NOT_ENOUGH_REPLICAS',
    by: SEEDS,
  },
  {
    name: 'leaked reservation: bytes in flight of a lane that closed',
    file: 'batcher/engine.ts',
    find: `    if (submission) {
      this.#landed(submission)`,
    replace: '    if (submission) {',
    by: SEEDS,
  },
  {
    name: 'bytes in flight without a bound',
    file: 'batcher/engine.ts',
    find: 'if (room <= 0 && this.inFlightBytes > 0) return',
    replace: '',
    by: SEEDS,
  },
  {
    name: 'the ledger pauses nobody',
    file: 'batcher/admission.ts',
    find: '    holder.pause()',
    replace: '',
    by: { scenario: 'overload' },
  },
  {
    name: 'the ledger wakes nobody',
    file: 'batcher/admission.ts',
    find: 'for (const each of waiting) each.resume()',
    replace: '',
    by: { scenario: 'overload' },
  },
  {
    name: 'lane added on mere waiting',
    file: 'batcher/engine.ts',
    find: 'broker.lanePolicy.onClosed(atOnce && allBusy && broker.partitionsReady > 0)',
    replace: 'broker.lanePolicy.onClosed(true)',
    by: { scenario: 'thousandProducers' },
  },
  {
    name: 'no lane added at all',
    file: 'batcher/lane-policy.ts',
    find: "return crowded ? 'add' : 'keep'",
    replace: "return 'keep'",
    by: { scenario: 'hotPartition' },
  },
  {
    name: 'estimate without the quiet rule',
    file: 'batcher/queues.ts',
    find: 'const quiet = client.unanswered === 0 && now - client.lastAnswerAt > AUTO_LINGER_MS',
    replace: 'const quiet = true',
    by: { scenario: 'loneProducerOfFive' },
  },
  {
    name: 'no turns among the pairs of a partition',
    file: 'batcher/partition.ts',
    find: 'this.ready[acksClass].push(pair)',
    replace: 'this.ready[acksClass].unshift(pair)',
    by: { scenario: 'greedyProducer' },
  },
  {
    name: 'retry to the old leader',
    file: 'batcher/broker.ts',
    find: '    partition.leader?.forget(partition)\n',
    replace: '',
    by: SEEDS,
  },
  {
    name: 'breaker opened by a leader move',
    file: 'batcher/engine.ts',
    find: "if (verdict === 'leader' || verdict === 'unknown') this.#submit.askLeaders(batch.topic)",
    replace: `if (verdict === 'leader') this.breakerOpen = true
    if (verdict === 'leader' || verdict === 'unknown') this.#submit.askLeaders(batch.topic)`,
    by: SEEDS,
  },
  {
    name: 'throttle ignored',
    file: 'batcher/engine.ts',
    find: 'const due = Math.max(broker.throttledUntil, this.#nextSubmissionAt)',
    replace: 'const due = this.#nextSubmissionAt',
    by: SEEDS,
  },
  {
    name: 'a lane that is not answered stays open',
    file: 'batcher/lanes.ts',
    find: 'return now > submission.sentAt + submission.timeoutMs + Limits.laneGraceMs',
    replace: 'return false',
    by: SEEDS,
  },
  {
    name: 'an idle pair waits for a leader',
    file: 'batcher/engine.ts',
    find: "if (pair.state === 'inFlight' || pair.state === 'idle') continue",
    replace: "if (pair.state === 'inFlight') continue",
    by: SEEDS,
  },
  {
    name: 'a partition that was overdue is never listed again',
    file: 'batcher/engine.ts',
    find: 'if (partition.overdue.delete(submission)) partition.leader?.listReady(partition, this.#clock.now())',
    replace: 'partition.overdue.delete(submission)',
    by: SEEDS,
  },
  {
    name: 'a batch whose pause is over is not tried again',
    file: 'batcher/queues.ts',
    find: 'if (pair.retryAt <= now) this.makeReady(pair)',
    replace: 'if (pair.retryAt <= now && pair.queue.length > 1) this.makeReady(pair)',
    by: SEEDS,
  },
  {
    name: 'the time given to the upstream is that of the first batch',
    file: 'batcher/submission.ts',
    find: 'for (const batch of batches) if (batch.deadline > last) last = batch.deadline',
    replace: 'last = batches[0]!.deadline',
    by: SEEDS,
  },
  {
    name: 'a suspect partition rides with others',
    file: 'batcher/window.ts',
    find: 'partition.suspect && (batches.length > 0 || !suspects)',
    replace: 'partition.suspect && !suspects',
    by: { scenario: 'stuckPartition' },
  },
  {
    name: 'classes of acks in one submission',
    file: 'batcher/batch.ts',
    find: 'return this.acks === -1 ? ACKS_ALL : ACKS_LEADER',
    replace: 'return this.acks === 1 ? ACKS_LEADER : ACKS_ALL',
    by: SEEDS,
  },
  {
    name: 'submissions faster than granted',
    file: 'batcher/engine.ts',
    find: 'this.#nextSubmissionAt = submission.sentAt + 1000 / submissionsPerSecond',
    replace: 'this.#nextSubmissionAt = submission.sentAt + 900 / submissionsPerSecond',
    by: SEEDS,
  },
  {
    name: 'leftovers linger for ever',
    file: 'batcher/linger.ts',
    find: 'Math.min(window.openedAt + span, window.oldestReadyAt() + 2 * span)',
    replace: 'window.openedAt + span',
    by: { scenario: 'hotBesideMany' },
  },
  {
    name: 'a batch held before its second was up while the breaker is open',
    file: 'batcher/engine.ts',
    find: 'Math.max(batch.arrivedAt + Limits.breakerHoldMs, batch.wholeAt + Limits.minAckWaitMs)',
    replace: 'batch.arrivedAt + Limits.breakerHoldMs',
    by: SEEDS,
  },
  {
    name: 'a pair stands more than once among the ready ones',
    file: 'batcher/partition.ts',
    find: '    if (pair.enlisted & (1 << acksClass)) return\n',
    replace: '',
    by: SEEDS,
  },
  {
    name: 'what the last broker said, though an attempt before may have been stored',
    file: 'batcher/retry.ts',
    find: "if (verdict === 'leader' || verdict === 'again') return expiryCode(batch)",
    replace: "if (verdict === 'leader' || verdict === 'again') return code",
    by: { seeds: 2000 },
  },
]
