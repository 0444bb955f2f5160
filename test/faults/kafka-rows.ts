import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { assertNoErrors, type KafkaStage } from '#test/faults/kafka-stage.ts'
import type { Row } from '#test/faults/row.ts'

const MIB = 1024 * 1024
/**
 * 7: what a batch without producer id is told when its broker goes away under it. 19: no leader within the
 * client's own time (0.7 × 10 s with franz-go and sarama). Clients send such batches again by themselves.
 */
const TOLERATED = [7, 19]

/** Rows whose truth is a real broker's: what a leader change, a crash or a lost answer leaves behind. */
export const KAFKA_ROWS: Row<KafkaStage>[] = [
  { number: '4', name: 'SIGKILL of a leader: no client sees an error', run: killLeader },
  { number: '5', name: 'leaders moved in a loop: no 45, no error at a client', run: moveLeaders },
  { number: '7', name: 'RST with requests in flight: idempotent batches once, others 7', run: reset },
  { number: '8', name: 'answers lost: as RST', run: loseAnswers },
  { number: '9', name: 'a broker behind a black hole: only its partitions stand still', run: blackHole },
  { number: '10', name: 'a whole cluster SIGKILLed and back: the other one never notices', run: clusterDown },
  {
    number: 'rolling',
    name: 'rolling restart of all brokers: no client sees an error',
    run: (stage) => rollingRestart(stage, 1),
  },
]

/** Too long for a test. */
export const LONG_KAFKA_ROWS: Row<KafkaStage>[] = [
  { ...KAFKA_ROWS.find(({ number }) => number === '10')!, number: 'down', isLong: true },
  {
    number: 'rolling3',
    name: 'rolling restart of all brokers, three times under one load',
    run: (stage) => rollingRestart(stage, 3),
  },
]

async function killLeader(stage: KafkaStage): Promise<string> {
  const topic = await stage.topic()
  const { ledgers, told } = await stage.under({ topics: [topic] }, TOLERATED, async (crew) => {
    const leader = await stage.leader(topic)
    await leader.kill()
    await crew.goOn(100)
    await stage.restart(leader)
    await stage.inSync()
    await crew.goOn(40)
  })
  assertNoErrors(ledgers)
  return told
}

async function moveLeaders(stage: KafkaStage): Promise<string> {
  const topic = await stage.topic()
  let moves = 0
  const { ledgers, told } = await stage.under({ topics: [topic], perSecond: 60 }, TOLERATED, async (crew) => {
    for (let round = 0; round < 5; round++) {
      const before = await stage.leader(topic)
      await stage.three.preferOthers(topic)
      for (let waited = 0; (await stage.leader(topic).catch(() => before)) === before; waited++) {
        assert.ok(waited < 600, 'the leader does not move')
        // A broker that has not heard of the last move yet may have told of leaders that were.
        if (waited % 100 === 99) await stage.three.preferOthers(topic)
        await pause(100)
      }
      moves++
    }
    await crew.goOn(40)
  })
  assertNoErrors(ledgers)
  return `${moves} moves of 6 leaders; ${told}`
}

async function reset(stage: KafkaStage): Promise<string> {
  const topic = await stage.topic()
  let cuts = 0
  const { told } = await stage.under({ topics: [topic], perSecond: 100 }, [7, 19], async (crew) => {
    for (let i = 0; i < 12; i++) {
      await pause(150 + (i % 4) * 70)
      const proxy = stage.proxies[i % 3]!
      cuts += proxy.connections
      proxy.cut()
    }
    await crew.goOn(100)
  })
  assert.ok(cuts > 12, `${cuts} connections`)
  return `${cuts} connections reset; ${told}`
}

async function loseAnswers(stage: KafkaStage): Promise<string> {
  const topic = await stage.topic()
  const properties = { 'request.timeout.ms': '3000' }
  const { told } = await stage.under(
    { topics: [topic], properties, kinds: ['java', 'rdkafka-once', 'rdkafka', 'sarama', 'kafkajs'] },
    [7, 19],
    async (crew) => {
      for (const proxy of stage.proxies) {
        proxy.answers.swallows = true
        await pause(1000)
        proxy.heal()
        proxy.cut()
        await crew.goOn(30)
      }
    },
  )
  return told
}

async function blackHole(stage: KafkaStage): Promise<string> {
  const topic = await stage.topic()
  const options = { topics: [topic], partitions: 6, properties: { 'request.timeout.ms': '5000' } }
  const kinds = ['java', 'rdkafka-once', 'franz'] as const
  let living = 0
  let still: number[] = []
  const { told } = await stage.under({ ...options, kinds: [...kinds] }, [7, 19], async (crew) => {
    const holed = await stage.leader(topic)
    const leaderOf = (partition: number) => stage.leader(topic, partition).catch(() => null)
    const leaders = () => Promise.all([0, 1, 2, 3, 4, 5].map(leaderOf))
    const own = (await leaders()).map((leader) => leader === holed)
    const proxy = stage.proxies[holed.id - 1]!
    proxy.isBlackHole = true
    const holedAt = Date.now()
    const from = crew.producers.map(({ outcomes }) => outcomes.length)
    still = own.flatMap((isOwn, partition) => (isOwn ? [partition] : []))
    for (const end = performance.now() + 6000; performance.now() < end; await pause(500)) {
      // A busy machine may keep a broker from its heartbeats: others lead then, and acknowledge.
      const now = await leaders()
      still = still.filter((partition) => now[partition] === holed)
    }
    const during = crew.producers.flatMap(({ outcomes }, i) => outcomes.slice(from[i]))
    const acked = during.filter(({ error }) => error === null)
    living = acked.filter(({ partition }) => !own[partition!]).length
    // What had gone through before may be acknowledged late on a busy machine.
    const later = acked.filter(({ timestamp }) => timestamp > holedAt)
    const out = later.filter(({ partition }) => still.includes(partition!))
    assert.deepEqual(out, [], 'nothing is acknowledged out of a black hole')
    proxy.heal()
    await crew.goOn(40)
  })
  assert.ok(living > 50, `${living} records acknowledged by the other brokers`)
  const stood = `${still.length} partitions stood still`
  return `${stood}, ${living} records acknowledged by the others in 6 s; ${told}`
}

async function clusterDown(stage: KafkaStage, ms = 5000): Promise<string> {
  const topics = [await stage.topic('t'), await stage.topic('o', 3)]
  const orphans = { topics: [topics[1]!], kinds: ['java', 'rdkafka-once', 'rdkafka', 'franz'] as const }
  let connects = 0
  let elapsed = 0
  let peak = 0
  let lost = ''
  const well = await stage.under(
    { topics: [topics[0]!], kinds: ['java', 'rdkafka', 'kafkajs'] },
    [7, 19],
    async (crew) => {
      const errors = (await stage.gateway.state()).clusters.three!.totals.errors
      const { told } = await stage.under({ ...orphans, kinds: [...orphans.kinds] }, [7, 19], async (own) => {
        const before = (await stage.gateway.state()).clusters.other!.connects
        const began = performance.now()
        await stage.other.brokers[0]!.kill()
        await stage.gateway.waitFor('down', ({ clusters }) => clusters.other!.state === 'down', 90_000)
        await crew.goOn(10)
        await pause(ms)
        const { clusters, nodes } = await stage.gateway.state()
        connects = clusters.other!.connects - before
        elapsed = (performance.now() - began) / 1000
        peak = nodes['gw-test']!.reservedPeak
        assert.ok(peak < nodes['gw-test']!.memoryBudget)
        await stage.restart(stage.other.brokers[0]!)
        await stage.gateway.waitFor('up', ({ clusters: now }) => now.other!.state === 'up', 90_000)
        await own.goOn(40)
      })
      lost = told
      assert.equal((await stage.gateway.state()).clusters.three!.totals.errors, errors, 'the other cluster')
    },
  )
  assertNoErrors(well.ledgers)
  assert.ok(connects <= 10 * elapsed, `${connects} connects in ${elapsed} s`)
  const ledger = `ledger at most ${(peak / MIB).toFixed(1)} MiB`
  return `${connects} connects in ${elapsed.toFixed(0)} s down, ${ledger}; its producers: ${lost}; others: no error`
}

async function rollingUpgrade(stage: KafkaStage): Promise<string> {
  const topics = [await stage.topic('t'), await stage.topic('o', 3)]
  const { ledgers, told } = await stage.under({ topics }, TOLERATED, async (crew) => {
    for (const broker of stage.three.brokers) {
      await broker.restartAs('4.4.0')
      await stage.inSync()
      await crew.goOn(20)
    }
  })
  assertNoErrors(ledgers)
  assert.doesNotMatch(stage.gateway.log(), /speaks \w+ versions/, 'a version for each broker')
  return `3.9.2 to 4.4.0, one broker after the other; ${told}`
}

async function rollingRestart(stage: KafkaStage, times: number): Promise<string> {
  const topic = await stage.topic()
  const { ledgers, told } = await stage.under({ topics: [topic] }, TOLERATED, async (crew) => {
    for (let restarts = 0; restarts < 3 * times; restarts++) {
      await stage.restart(stage.three.brokers[restarts % 3]!)
      await stage.inSync()
      await crew.goOn(20)
    }
  })
  assertNoErrors(ledgers)
  return `${3 * times} restarts; ${told}`
}

/** On a stage whose three brokers are still 3.9.2. */
export const UPGRADE_ROW: Row<KafkaStage> = {
  number: '33',
  name: 'rolling upgrade, brokers of different versions: no client sees an error',
  run: rollingUpgrade,
}
