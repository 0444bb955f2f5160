import { Admission } from '#batcher/admission.ts'
import { Engine, type EngineSettings } from '#batcher/engine.ts'
import type { Clock } from '#batcher/ports.ts'
import { Checks } from '#test/simulation/checks.ts'
import type { SimCluster } from '#test/simulation/cluster.ts'
import { Control } from '#test/simulation/control.ts'
import { SimLanes } from '#test/simulation/lanes.ts'
import type { Link } from '#test/simulation/links.ts'
import { NodeConnection } from '#test/simulation/node-connection.ts'
import type { World } from '#test/simulation/world.ts'

export interface NodePlan {
  settings: EngineSettings
  /** Bytes that frames may hold. */
  memory: number
  pipelined: number
  maxAckWaitMs: number
  /** Share of batches that arrive with flipped bits. */
  corruption: number
  /** The upstream port tells of a closed lane from inside `close`, as the real one does. */
  closesAtOnce: boolean
  upstreamLatency: readonly [number, number]
}

/** One gateway node: its engine, its client connections, its lanes to the cluster. */
export class SimNode {
  readonly name: string
  readonly world: World
  readonly plan: NodePlan
  readonly cluster: SimCluster
  readonly engine: Engine
  readonly admission: Admission
  readonly lanes: SimLanes
  readonly control: Control
  readonly checks: Checks
  readonly connections = new Set<NodeConnection>()
  /** Its process is stopped until then. */
  frozenUntil = 0
  /** When it last ran again after a stop. */
  thawedAt = 0
  /** Counts wake-ups, to see that it comes to rest. */
  wakes = 0
  #wakeToken = 0
  #flushScheduled = false

  constructor(name: string, world: World, cluster: SimCluster, plan: NodePlan) {
    this.name = name
    this.world = world
    this.plan = plan
    this.cluster = cluster
    this.admission = new Admission(plan.memory)
    this.checks = new Checks(this)
    this.lanes = new SimLanes(this)
    this.control = new Control(this)
    const submit = this.lanes
    this.engine = new Engine(plan.settings, { clock: this.#clock(), submit, observer: this.checks })
  }

  #clock(): Clock {
    const { world } = this
    const random = world.random.fork()
    return {
      now: () => world.now,
      random: () => random.next(),
      wakeAt: (time) => {
        const token = ++this.#wakeToken
        const late = world.random.chance(0.5) ? 0 : world.random.between(0, 1.5)
        world.at(Math.max(time, world.now) + late, () => this.whenAwake(() => this.#wake(token)))
      },
      flushSoon: () => {
        if (this.#flushScheduled) return
        this.#flushScheduled = true
        world.after(0, () =>
          this.whenAwake(() => {
            this.#flushScheduled = false
            this.engine.flush()
          }),
        )
      },
    }
  }

  #wake(token: number): void {
    if (token !== this.#wakeToken) return
    this.wakes++
    this.engine.onWake()
    this.checks.onWake()
  }

  /** Now, or when the process runs again. */
  whenAwake(run: () => void): void {
    if (this.world.now >= this.frozenUntil) run()
    else this.world.at(this.frozenUntil, () => this.whenAwake(run))
  }

  freeze(ms: number): void {
    this.frozenUntil = this.world.now + ms
    this.thawedAt = this.frozenUntil
    this.world.tell(`${this.name} is stopped for ${ms.toFixed(0)} ms`)
  }

  /** @returns null when it takes no connection now */
  accept(link: Link): NodeConnection | null {
    if (!this.admission.acceptsConnections || this.world.now < this.frozenUntil) return null
    const connection = new NodeConnection(this, link)
    this.connections.add(connection)
    return connection
  }

  onConnectionClosed(connection: NodeConnection): void {
    this.connections.delete(connection)
    this.engine.detach(connection.engineClient)
    this.checks.onDetached(connection)
    this.admission.forget(connection)
  }
}
