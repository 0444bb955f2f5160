import { sleep } from 'k6'
import exec from 'k6/execution'
import { type Ack, isRaised, type Outgoing, Producer, prepare, verify } from 'k6/x/sluice'
import { PROFILES } from './profiles.ts'
import { type TargetCluster, target } from './target.ts'

const PARTITIONS = 12

/** Raised by lib/trouble.ts. */
export const TROUBLE_OVER = 'trouble over'

/** A producer for each door. */
interface Own {
  producer: Producer
  topics: string[]
}

export function setup(): void {
  for (const { upstream, topic } of target.clusters) {
    prepare({ brokers: upstream, topics: [topic], partitions: PARTITIONS })
  }
}

/**
 * The life of a producer: again and again one to three small records to each of the clusters at once, then a
 * pause of a second on average, as a web worker has. It stays while something happens to the gateway, however
 * long that takes.
 */
export function produceTo(clusters: TargetCluster[]): void {
  const { rise, hold, fall } = PROFILES[target.profile]
  const delay = Math.random()
  sleep(delay * rise)
  const own = connect(clusters)
  const isTime = (): boolean => exec.instance.currentTestRunDuration / 1000 > rise + hold + delay * fall
  const isOver = (): boolean => isTime() && (!target.trouble || isRaised(TROUBLE_OVER))
  while (!isOver()) {
    for (const { producer, topics } of own) report(producer.produceSync(topics.flatMap(someRecords)))
    sleep(0.5 + Math.random())
  }
}

function connect(clusters: TargetCluster[]): Own[] {
  const doors = [...new Set(clusters.map(({ door }) => door))]
  return doors.map((brokers, i) => {
    const topics = clusters.filter(({ door }) => door === brokers).map(({ topic }) => topic)
    const producer = new Producer({ name: `vu-${exec.vu.idInTest}-${i}`, brokers })
    report(producer.warmUp(topics))
    return { producer, topics }
  })
}

function someRecords(topic: string): Outgoing[] {
  const count = 1 + Math.floor(Math.random() * 3)
  return Array.from({ length: count }, () => ({ topic, bytes: 100 + Math.floor(Math.random() * 300) }))
}

export function report(acks: Ack[]): void {
  for (const { topic, sequence, error } of acks) {
    if (error !== '') console.error(`${topic} #${sequence}: ${error}`)
  }
}

export function teardown(): void {
  const { faults, ...counts } = verify(
    target.clusters.map(({ upstream, topic }) => ({ brokers: upstream, topics: [topic] })),
  )
  console.log(`verified: ${JSON.stringify(counts)}`)
  for (const fault of faults) console.error(fault)
}
