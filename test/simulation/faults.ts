import type { EngineSettings } from '#batcher/ports.ts'
import type { SimClient } from '#test/simulation/client.ts'
import type { SimCluster } from '#test/simulation/cluster.ts'
import type { Upstream } from '#test/simulation/lanes.ts'
import { SimNode } from '#test/simulation/node.ts'
import type { Random } from '#test/simulation/random.ts'
import type { World } from '#test/simulation/world.ts'

export interface FaultPlan {
  kind: FaultKind
  at: number
  lengthMs: number
}

/** What a fault can hit. */
export interface Scene {
  readonly world: World
  readonly cluster: SimCluster
  /** Those that run; the ones before them are in `ended`. */
  readonly nodes: SimNode[]
  readonly ended: SimNode[]
  readonly clients: readonly SimClient[]
}

type Fault = (scene: Scene, lengthMs: number) => void

/** Codes that another attempt may not meet; those that it always meets are a batch's own (`Out.poison`). */
const BEFORE_APPEND = [2, 3, 5, 6, 9, 19, 56, 74, -1]
const AFTER_APPEND = [6, 7, 20, 56]

/** Everything that can go wrong around an engine, by name. Each ends after its time. */
export const FAULTS = {
  leaderMoves: ({ world, cluster }) => {
    const log = world.random.pick(cluster.logs)
    const heirs = [...log.inSync].filter((id) => id !== log.leader && cluster.brokers[id]!.alive)
    if (log.leader >= 0 && heirs.length > 0) cluster.move(log, world.random.pick(heirs))
  },
  leaderMovesAndReturns: (scene, lengthMs) => {
    const { world, cluster } = scene
    const log = world.random.pick(cluster.logs)
    const old = log.leader
    const heirs = [...log.inSync].filter((id) => id !== old && cluster.brokers[id]!.alive)
    if (old < 0 || heirs.length === 0) return
    cluster.move(log, world.random.pick(heirs))
    world.after(Math.min(lengthMs, 1000), () => {
      if (cluster.brokers[old]!.alive && log.inSync.has(old) && log.leader >= 0) cluster.move(log, old)
    })
  },
  brokerDies: ({ world, cluster }, lengthMs) => {
    const broker = world.random.pick(cluster.brokers)
    cluster.kill(broker)
    world.after(lengthMs, () => cluster.restart(broker))
  },
  clusterDies: ({ world, cluster }, lengthMs) => {
    for (const broker of cluster.brokers) cluster.kill(broker)
    for (const broker of cluster.brokers) {
      world.after(lengthMs * world.random.between(0.8, 1.2), () => cluster.restart(broker))
    }
  },
  brokerFreezes: ({ world, cluster }, lengthMs) => {
    const broker = world.random.pick(cluster.brokers)
    world.tell(`cluster: broker ${broker.id} is stopped for ${lengthMs.toFixed(0)} ms`)
    broker.freeze(lengthMs)
  },
  brokerIsMute: ({ world, cluster }, lengthMs) => {
    const broker = world.random.pick(cluster.brokers)
    world.tell(`cluster: broker ${broker.id} sends no answers for ${lengthMs.toFixed(0)} ms`)
    broker.muteUntil = world.now + lengthMs
  },
  brokerThrottles: ({ world, cluster }, lengthMs) => {
    const broker = world.random.pick(cluster.brokers)
    world.tell(`cluster: broker ${broker.id} asks for a pause of ${lengthMs.toFixed(0)} ms`)
    broker.throttledUntil = world.now + Math.min(lengthMs, 3000)
  },
  answersAreIncomplete: ({ world, cluster }, lengthMs) => {
    const broker = world.random.pick(cluster.brokers)
    world.tell(`cluster: broker ${broker.id} leaves partitions out of its answers`)
    broker.incompleteUntil = world.now + lengthMs
  },
  metadataIsEmpty: ({ world, cluster }, lengthMs) => {
    const broker = world.random.pick(cluster.brokers)
    broker.emptyUntil = world.now + lengthMs
    broker.emptyCode = world.random.pick([3, 3, 5, 17, 29])
  },
  replicaStalls: (scene, lengthMs) => {
    const log = scene.world.random.pick(scene.cluster.logs)
    scene.world.tell(`cluster: ${log.name} is not replicated for ${lengthMs.toFixed(0)} ms`)
    log.stalledUntil = scene.world.now + lengthMs
  },
  fewInSync: ({ world, cluster }, lengthMs) => {
    const log = world.random.pick(cluster.logs)
    const follower = [...log.inSync].find((id) => id !== log.leader)
    if (follower === undefined || !cluster.brokers[log.leader]?.alive) return
    world.tell(`cluster: ${follower} falls out of the in-sync set of ${log.name}`)
    log.inSync.delete(follower)
    world.after(lengthMs, () => {
      cluster.rejoin(cluster.brokers[follower]!, log)
    })
  },
  errorsBefore: (scene, lengthMs) => addErrors(scene, lengthMs, 'before'),
  errorsAfter: (scene, lengthMs) => addErrors(scene, lengthMs, 'after'),
  laneIsCut: (scene) => {
    const upstream = pickUpstream(scene)
    const { random } = scene.world
    upstream?.link.cut(random.between(0, 10), random.between(0, 10))
  },
  laneIsHalfOpen: (scene, lengthMs) => {
    const upstream = pickUpstream(scene)
    const told = scene.world.random.chance(0.5) ? lengthMs : Number.POSITIVE_INFINITY
    upstream?.link.cut(told, scene.world.random.chance(0.5) ? lengthMs : 0)
  },
  answersAreLost: (scene, lengthMs) => {
    const upstream = pickUpstream(scene)
    upstream?.link.back.lose()
    if (scene.world.random.chance(0.5)) scene.world.after(lengthMs, () => upstream?.link.cut(0, 0))
  },
  laneStalls: (scene, lengthMs) => {
    const upstream = pickUpstream(scene)
    const wire = scene.world.random.chance(0.5) ? 'there' : 'back'
    upstream?.link[wire].stall(scene.world.now + lengthMs)
  },
  clientIsCut: (scene) => {
    const { random } = scene.world
    pickClientLink(scene)?.cut(random.between(0, 10), random.between(0, 10))
  },
  clientIsHalfOpen: (scene, lengthMs) => {
    const link = pickClientLink(scene)
    link?.cut(scene.world.random.chance(0.7) ? 5 : lengthMs, lengthMs)
  },
  clientStalls: (scene, lengthMs) => {
    const link = pickClientLink(scene)
    const wire = scene.world.random.chance(0.5) ? 'there' : 'back'
    link?.[wire].stall(scene.world.now + lengthMs)
  },
  nodeFreezes: ({ world, nodes }, lengthMs) => {
    const node = world.random.pick(nodes)
    world.tell(`${node.name} is stopped for ${lengthMs.toFixed(0)} ms`)
    node.process.freeze(lengthMs)
  },
  nodeDies: (scene) => {
    const at = Math.floor(scene.world.random.next() * scene.nodes.length)
    replaceNode(scene, at)
  },
  nodeDrains: (scene, lengthMs) => {
    const { world, nodes } = scene
    const node = world.random.pick(nodes)
    world.tell(`${node.name} answers what it has not sent`)
    node.whenAwake(() => node.refuseUnsent())
    world.after(Math.min(lengthMs, 2000), () => {
      const at = nodes.indexOf(node)
      if (at >= 0) replaceNode(scene, at)
    })
  },
  settingsChange: ({ world, nodes }) => {
    const node = world.random.pick(nodes)
    const settings = drawSettings(world.random)
    world.tell(`${node.name} gets ${JSON.stringify(settings)}`)
    node.whenAwake(() => node.change(settings))
  },
} satisfies Record<string, Fault>

export type FaultKind = keyof typeof FAULTS

function replaceNode(scene: Scene, at: number): void {
  const { nodes, ended, world, cluster } = scene
  const old = nodes[at]!
  world.tell(`${old.name} dies, another takes its place`)
  old.die()
  ended.push(old)
  nodes[at] = new SimNode(`${old.name}'`, world, cluster, old.plan)
}

export function drawSettings(random: Random): EngineSettings {
  return {
    window: {
      linger: random.pick(['auto', 'auto', 0, 2, 5] as const),
      maxBytes: random.pick([2000, 20_000, 1_000_000, 1_000_000]),
      maxPartitions: random.pick([1, 4, 256, 256]),
    },
    lanes: random.pick([1, 2, 8]),
    inFlightBytes: random.pick([1000, 30_000, 1_000_000]),
    submissionsPerSecond: random.chance(0.1) ? random.pick([50, 1000]) : 0,
  }
}

function addErrors({ world, cluster }: Scene, lengthMs: number, when: 'before' | 'after'): void {
  const { random } = world
  const code = random.pick(when === 'before' ? BEFORE_APPEND : AFTER_APPEND)
  const log = random.chance(0.5) ? random.pick(cluster.logs) : null
  const probability = random.pick([0.05, 0.5, 1])
  world.tell(`cluster: ${log?.name ?? 'all partitions'} will answer ${code} ${when} the append`)
  cluster.troubles.add({ from: world.now, until: world.now + lengthMs, log, code, when, probability })
}

function pickUpstream({ world, nodes }: Scene): Upstream | undefined {
  const all = nodes.flatMap((node) => [...node.lanes.upstreams.values()])
  return all.length > 0 ? world.random.pick(all) : undefined
}

function pickClientLink({ world, clients }: Scene) {
  const connected = clients.flatMap(({ connection }) => connection?.link ?? [])
  return connected.length > 0 ? world.random.pick(connected) : undefined
}
