import { SimClient } from '#test/simulation/client.ts'
import { SimCluster } from '#test/simulation/cluster.ts'
import { leftovers, unfulfilled, violations } from '#test/simulation/criterion.ts'
import { FAULTS, type Scene } from '#test/simulation/faults.ts'
import { SimNode } from '#test/simulation/node.ts'
import { describePlan, drawPlan, type Plan } from '#test/simulation/plan.ts'
import { Random } from '#test/simulation/random.ts'
import { Violation, World } from '#test/simulation/world.ts'

export interface Result {
  seed: number
  plan: Plan
  /** Null = every rule held. */
  violation: string | null
  events: number
  simulatedMs: number
  submissions: number
  batches: number
}

/** Clients are given so long after the last fault to end all they have begun, in ms. */
const PATIENCE_MS = 400_000
/** The last faults go on for so long after the troubled time, and dead lanes are found out, in ms. */
const HEALING_MS = 45_000
/** Idle lanes are closed after a minute; then nothing may happen any more. */
const REST_MS = 100_000

/** One whole run: the same seed always gives the same. */
export function simulate(seed: number, story: ((line: string) => void) | null = null): Result {
  const random = new Random(seed)
  const plan = drawPlan(random.fork())
  return play(seed, plan, new World(random.fork(), story))
}

function play(seed: number, plan: Plan, world: World): Result {
  const scene = buildScene(plan, world)
  if (world.story) for (const line of describePlan(plan)) world.story(line)
  let violation: string | null = null
  try {
    live(scene, plan)
    rest(scene)
    judge(scene, plan)
  } catch (error) {
    violation = error instanceof Violation ? error.message : `the engine threw: ${(error as Error).stack}`
    world.tell(violation)
  }
  const sum = (of: (node: SimNode) => number) =>
    [...scene.ended, ...scene.nodes].reduce((total, node) => total + of(node), 0)
  return {
    seed,
    plan,
    violation,
    events: world.events,
    simulatedMs: world.now,
    submissions: sum((node) => node.checks.submissions),
    batches: sum((node) => node.checks.batchesSent),
  }
}

export function buildScene(plan: Plan, world: World): Scene {
  const cluster = new SimCluster(world, plan.cluster)
  const nodes = Array.from(
    { length: plan.nodes },
    (_, i) => new SimNode(`node ${'ABC'[i]}`, world, cluster, plan.node),
  )
  const clients = plan.clients.map((client, i) => new SimClient(i, world, client, cluster.logs, nodes))
  return { world, cluster, nodes, clients, ended: [] }
}

/** The troubled time, the healing, and until all clients are done. */
function live(scene: Scene, plan: Plan): void {
  const { world, clients, cluster } = scene
  for (const { kind, at, lengthMs } of plan.faults) {
    world.at(at, () => {
      world.tell(`fault: ${kind}`)
      FAULTS[kind](scene, lengthMs)
    })
  }
  world.at(plan.troubledMs, () => cluster.troubles.heal())
  world.healedAt = plan.troubledMs + HEALING_MS
  const end = plan.troubledMs + PATIENCE_MS
  while (world.now < end && clients.some((client) => !client.over)) world.runUntil(world.now + 100)
  for (const client of clients) {
    if (!client.over) world.fail('f', `client ${client.id} has ${client.undone} batches open at the end`)
  }
}

/** Nobody wants anything: connections close, lanes go idle, engines sleep. */
function rest({ world, nodes }: Scene): void {
  world.runUntil(world.now + 65_000)
  for (const node of nodes) node.control.stopped = true
  world.runUntil(world.now + REST_MS)
  const before = nodes.map(({ wakes }) => wakes)
  world.runUntil(world.now + 600_000)
  nodes.forEach((node, i) => {
    const wakes = node.wakes - before[i]!
    if (wakes > 100) world.fail('rest', `${node.name} wakes ${wakes} times in ten minutes with nothing to do`)
  })
}

function judge({ world, nodes, ended, cluster, clients }: Scene, plan: Plan): void {
  const left = nodes.flatMap(leftovers)
  if (left.length > 0) world.fail('g', left.join('; '))
  const connections = [...ended, ...nodes].flatMap(({ everConnected }) => everConnected)
  const wrong = violations(cluster, clients, connections)
  if (plan.faults.length === 0 && plan.calm) wrong.push(...clients.flatMap(unfulfilled))
  if (wrong.length > 0) world.fail('P', wrong.slice(0, 5).join('; '))
}
