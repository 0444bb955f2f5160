import { Admission } from '#batcher/admission.ts'
import { Engine } from '#batcher/engine.ts'
import type { Clock, EngineSettings } from '#batcher/ports.ts'
import { Checks } from '#test/simulation/checks.ts'
import type { SimCluster } from '#test/simulation/cluster.ts'
import { Control } from '#test/simulation/control.ts'
import { SimLanes } from '#test/simulation/lanes.ts'
import type { Link } from '#test/simulation/links.ts'
import { NodeConnection } from '#test/simulation/node-connection.ts'
import { Process } from '#test/simulation/process.ts'
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
  readonly everConnected: NodeConnection[] = []
  readonly process: Process
  /** Its process has ended; another node has its name. */
  dead = false
  /** Counts wake-ups, to see that it comes to rest. */
  wakes = 0
  #wakeToken = 0
  #largestFrame = 0
  #flushScheduled = false

  constructor(name: string, world: World, cluster: SimCluster, plan: NodePlan) {
    this.name = name
    this.world = world
    this.plan = plan
    this.process = new Process(world)
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
      lingers: () => {},
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
    if (this.dead) return
    this.process.whenAwake(() => {
      if (!this.dead) run()
    })
  }

  /** kill -9: nobody is told, and what its lanes carry goes on by itself. */
  die(): void {
    this.dead = true
    this.control.stopped = true
    const { random } = this.world
    for (const { link } of this.connections) link.cut(random.between(0, 5), Number.POSITIVE_INFINITY)
    for (const { link } of this.lanes.upstreams.values()) {
      link.cut(Number.POSITIVE_INFINITY, random.between(0, 5))
    }
  }

  /** The last moments of a drain: what was not sent is answered now, nothing more is read. */
  refuseUnsent(): void {
    this.checks.draining = true
    for (const connection of this.connections) connection.pause()
    this.engine.refuseUnsent()
    this.checks.settled()
  }

  /** A reload, or another grant. */
  change(settings: EngineSettings): void {
    this.checks.onSettings()
    this.engine.settings = settings
  }

  /** @returns null when it takes no connection now */
  accept(link: Link): NodeConnection | null {
    if (this.process.isFrozen || this.dead || this.checks.draining) return null
    const connection = new NodeConnection(this, link)
    this.connections.add(connection)
    this.everConnected.push(connection)
    this.admission.join(connection)
    return connection
  }

  /** The share between "nobody is read" and the budget holds one frame of each connection. */
  checkLedger(bytes: number): void {
    const { admission, connections, world } = this
    this.#largestFrame = Math.max(this.#largestFrame, bytes)
    const inOneTurn = connections.size * this.#largestFrame
    if (admission.used > admission.budget && inOneTurn < admission.budget * 0.09) {
      world.fail('ledger', `${this.name} holds ${admission.used} bytes, its budget is ${admission.budget}`)
    }
  }

  onConnectionClosed(connection: NodeConnection): void {
    this.connections.delete(connection)
    this.engine.detach(connection.engineClient)
    this.checks.onDetached(connection)
    this.admission.leave(connection)
  }
}
