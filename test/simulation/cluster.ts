import { SimBroker } from '#test/simulation/brokers.ts'
import { PartitionLog } from '#test/simulation/partition-log.ts'
import { Troubles } from '#test/simulation/troubles.ts'
import type { World } from '#test/simulation/world.ts'

export interface ClusterPlan {
  brokers: number
  /** Partitions per topic. */
  topics: number[]
  replicas: number
  minInSync: number
  /** Mean time until the followers have a batch. */
  replicationMs: number
  /** Time until every broker knows of a new leader. */
  metadataLagMs: number
  /** Time until a dead leader is replaced. */
  electionMs: number
}

/** The cluster behind the nodes: its brokers, its logs, and who leads what. */
export class SimCluster {
  readonly plan: ClusterPlan
  readonly world: World
  readonly troubles: Troubles
  readonly brokers: SimBroker[] = []
  readonly logs: PartitionLog[] = []
  readonly #byName = new Map<string, PartitionLog[]>()
  /** Brokers have been killed. One that is back knows little of its producers, who then may meet 45. */
  hasLostMemory = false

  constructor(world: World, plan: ClusterPlan) {
    this.world = world
    this.plan = plan
    this.troubles = new Troubles(world)
    for (let id = 0; id < plan.brokers; id++) {
      this.brokers.push(new SimBroker(id, world, this.troubles, plan.minInSync))
    }
    plan.topics.forEach((partitions, topicNumber) => {
      const topic = `t${topicNumber}`
      const logs = Array.from({ length: partitions }, (_, index) => {
        const replicas = Array.from({ length: plan.replicas }, (_, i) => (index + i) % plan.brokers)
        return new PartitionLog(world, { topic, topicNumber, index }, replicas, plan.replicationMs)
      })
      this.#byName.set(topic, logs)
      this.logs.push(...logs)
    })
    for (const broker of this.brokers) for (const log of this.logs) broker.view.set(log, log.leader)
  }

  log(topic: string, index: number): PartitionLog {
    return this.#byName.get(topic)![index]!
  }

  get alive(): SimBroker[] {
    return this.brokers.filter((broker) => broker.alive)
  }

  /** A broker's answer about a topic. */
  describe(broker: SimBroker, topic: string): { errorCode: number; leaders: number[] } {
    if (this.world.now < broker.emptyUntil) return { errorCode: broker.emptyCode, leaders: [] }
    return { errorCode: 0, leaders: this.#byName.get(topic)!.map((log) => broker.view.get(log)!) }
  }

  /** Another in-sync replica takes over; the log's tail that is not replicated may not be there. */
  move(log: PartitionLog, to: number): void {
    const { random } = this.world
    const keep = random.chance(0.5) ? log.entries.length : random.whole(log.replicated, log.entries.length)
    const cut = log.entries.length - keep
    log.lead(to, keep)
    log.acceptsFrom = this.world.now + (random.chance(0.5) ? random.between(0, 100) : 0)
    this.world.tell(`cluster: ${log.name} is now led by ${to}${cut ? `, ${cut} batches cut off` : ''}`)
    this.#spread(log)
  }

  kill(broker: SimBroker): void {
    if (!broker.alive) return
    this.world.tell(`cluster: broker ${broker.id} dies`)
    this.hasLostMemory = true
    broker.alive = false
    for (const connection of [...broker.connections]) {
      connection.close()
      connection.onDied()
    }
    const noticed = this.plan.electionMs * this.world.random.between(0.2, 1)
    for (const log of this.logs) {
      log.forgetAt(broker.id)
      // Followers wait for it until it leaves the in-sync set.
      if (log.inSync.has(broker.id)) log.stalledUntil = Math.max(log.stalledUntil, this.world.now + noticed)
    }
    this.world.after(noticed, () => this.#replace(broker))
  }

  restart(broker: SimBroker): void {
    if (broker.alive) return
    const { world } = this
    world.tell(`cluster: broker ${broker.id} is back`)
    broker.alive = true
    broker.emptyUntil = world.random.chance(0.2) ? world.now + world.random.between(0, 200) : 0
    for (const log of this.logs) {
      if (!log.replicas.includes(broker.id)) continue
      // Back before anybody noticed: it leads on, with what it remembers from its disk.
      if (log.leader === broker.id) log.lead(broker.id)
      else if (log.leader < 0 && log.inSync.has(broker.id)) this.#elect(log)
      this.rejoin(broker, log)
    }
    for (const log of this.logs) this.#tell(broker, log)
  }

  /** A follower is in sync again once it has caught up with a leader. */
  rejoin(broker: SimBroker, log: PartitionLog): void {
    this.world.after(this.world.random.between(20, 500), () => {
      if (!broker.alive || log.inSync.has(broker.id)) return
      if (log.leader >= 0 && this.brokers[log.leader]!.alive) log.inSync.add(broker.id)
      else this.rejoin(broker, log)
    })
  }

  /** The controller has noticed that a broker is dead: it leaves the in-sync sets, others lead. */
  #replace(broker: SimBroker): void {
    if (broker.alive) return
    for (const log of this.logs) {
      if (log.inSync.size > 1) log.inSync.delete(broker.id)
      if (log.leader === broker.id) this.#elect(log)
    }
  }

  #elect(log: PartitionLog): void {
    const heirs = [...log.inSync].filter((id) => this.brokers[id]!.alive)
    if (heirs.length > 0) return this.move(log, this.world.random.pick(heirs))
    this.world.tell(`cluster: ${log.name} has no leader`)
    log.lead(-1)
    this.#spread(log)
  }

  #spread(log: PartitionLog): void {
    for (const broker of this.brokers) this.#tell(broker, log)
  }

  #tell(broker: SimBroker, log: PartitionLog): void {
    const { world } = this
    const delay = world.random.chance(0.3) ? 0 : world.random.between(0, this.plan.metadataLagMs)
    world.after(delay, () => broker.view.set(log, log.leader))
  }
}
