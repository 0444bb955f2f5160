import { Reloadable } from '#test/end-to-end/reload-stage.ts'
import { FaultProxy } from '#test/support/fault-proxy.ts'
import { type Gateway, type GatewayOptions, liveIds } from '#test/support/gateway.ts'
import { startLoadBalancer, type Target } from '#test/support/load-balancer.ts'
import { workerPids } from '#test/support/neighbours.ts'
import { freePort, freePortRange } from '#test/support/ports.ts'
import { type Running, within } from '#test/support/processes.ts'
import { startRedis, type TestRedis } from '#test/support/redis.ts'

/**
 * Several nodes that are one gateway: a real Redis, a fault proxy before it for each node, and haproxy before
 * the nodes, which knows of all that may ever run.
 *
 *     const fleet = await FleetStage.open({ nodes: 3, clusters: { c: cluster.bootstrap }, routes: { t: 'c' } })
 *     await fleet.startNodes(['gw-1', 'gw-2'])
 *     producers connect to fleet.bootstrap
 */
export interface FleetOptions {
  /** How many may run at a time; their names are gw-1, gw-2 ... */
  nodes: number
  /** Bootstrap servers, with commas, by cluster name. */
  clusters: Record<string, string>
  /** Cluster by topic prefix. */
  routes: Record<string, string>
  workers?: number
  /** `clusters[].window` of all of them. */
  window?: Record<string, unknown>
  /** Further settings, merged into the top level. */
  settings?: Record<string, unknown>
  /** Ports that haproxy holds for clusters which a reload may add. */
  spareClusters?: number
  /** Environment of a node, by its name. */
  env?: Record<string, Record<string, string>>
}

/** What a reload may change of a node. */
export type FleetChanges = Partial<Pick<FleetOptions, 'clusters' | 'routes' | 'window'>>

export class FleetStage {
  readonly redis: TestRedis
  /** Of each node that may run, by name: what lies between it and Redis. */
  readonly wires: ReadonlyMap<string, FaultProxy>
  readonly gateways = new Map<string, Reloadable>()
  readonly firstPort: number
  readonly #balancer: Running
  readonly #targets: readonly Target[]
  /** A node that is started anew has its page where it was. */
  readonly #adminPorts = new Map<string, number>()
  readonly #options: FleetOptions
  /** Of each cluster that was ever configured: a port is never another cluster's later. */
  readonly #offsets = new Map<string, number>()

  static async open(options: FleetOptions): Promise<FleetStage> {
    const names = Array.from({ length: options.nodes }, (_, i) => `gw-${i + 1}`)
    const doors = Object.keys(options.clusters).length + (options.spareClusters ?? 0)
    const redis = await startRedis()
    const wires = new Map<string, FaultProxy>()
    const targets: Target[] = []
    for (const name of names) {
      const wire = await FaultProxy.start()
      wire.target = redis.port
      wires.set(name, wire)
      targets.push({ name, firstPort: await freePortRange(doors + 1), healthPort: await freePort() })
    }
    const firstPort = await freePortRange(doors + 1)
    const balancer = await startLoadBalancer(firstPort, doors, targets)
    return new FleetStage(redis, wires, firstPort, balancer, targets, options)
  }

  private constructor(
    redis: TestRedis,
    wires: ReadonlyMap<string, FaultProxy>,
    firstPort: number,
    balancer: Running,
    targets: readonly Target[],
    options: FleetOptions,
  ) {
    this.redis = redis
    this.wires = wires
    this.firstPort = firstPort
    this.#balancer = balancer
    this.#targets = targets
    this.#options = options
  }

  /** For clients: haproxy. */
  get bootstrap(): string {
    return `127.0.0.1:${this.firstPort}`
  }

  async startNodes(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.startNode(name)))
  }

  /** Returns when it serves; haproxy finds it within a second. */
  async startNode(name: string, changes: FleetChanges = {}): Promise<Gateway> {
    if (!this.#adminPorts.has(name)) this.#adminPorts.set(name, await freePort())
    const gateway = await Reloadable.start(this.#configOf(name, changes), this.#options.env?.[name] ?? {})
    this.gateways.set(name, gateway)
    return gateway
  }

  /**
   * Writes the node's configuration anew, sends SIGHUP, and returns when it has gone over to it.
   *
   * @throws with the node's words when it refuses
   */
  async reloadNode(name: string, changes: FleetChanges): Promise<void> {
    const gateway = this.gateways.get(name)!
    const before = (await gateway.state()).nodes[name]!.reload?.at ?? 0
    gateway.write(this.#configOf(name, changes))
    gateway.running.signal('SIGHUP')
    const { nodes } = await gateway.waitFor(`${name} is reloaded`, (state) => {
      return (state.nodes[name]!.reload?.at ?? 0) > before
    })
    const { ok, text } = nodes[name]!.reload!
    if (!ok) throw new Error(`${name}: ${text.join('; ')}`)
  }

  #configOf(name: string, changes: FleetChanges): GatewayOptions {
    const { clusters, routes, settings = {} } = { ...this.#options, ...changes }
    const { firstPort } = this.#target(name)
    const log = { level: 'debug' }
    return {
      clusters,
      routes,
      firstPort,
      settings: { log, ...this.nodeSettings(name, changes), ...settings },
    }
  }

  /** What makes a node of the fleet out of a gateway. */
  nodeSettings(name: string, changes: FleetChanges = {}): Record<string, unknown> {
    const { clusters, workers = 2, window } = { ...this.#options, ...changes }
    const { firstPort, healthPort } = this.#target(name)
    const advertised = { mode: 'shared', host: '127.0.0.1', port: this.firstPort }
    return {
      node: { id: name, workers },
      listeners: [{ name: 'public', bind: `127.0.0.1:${firstPort}`, proxyProtocol: 'required', advertised }],
      admin: { bind: `127.0.0.1:${this.#adminPorts.get(name) ?? 0}` },
      health: { bind: `127.0.0.1:${healthPort}` },
      fleet: { redis: { url: `redis://127.0.0.1:${this.wires.get(name)!.port}/0` } },
      drain: { delay: '2s', timeout: '20s' },
      clusters: Object.entries(clusters).map(([cluster, bootstrap]) => ({
        name: cluster,
        portOffset: this.#offsetOf(cluster),
        bootstrapServers: bootstrap.split(','),
        ...(window && { window }),
      })),
    }
  }

  #offsetOf(cluster: string): number {
    const offset = this.#offsets.get(cluster) ?? this.#offsets.size + 1
    this.#offsets.set(cluster, offset)
    return offset
  }

  /** SIGTERM; returns when it has ended by itself. */
  async drainNode(name: string): Promise<number | null> {
    const gateway = this.gateways.get(name)!
    this.gateways.delete(name)
    return (await gateway.drain()).code
  }

  /** Of its control process and its workers. */
  pids(name: string): number[] {
    const { pid } = this.gateways.get(name)!.running
    return [pid, ...workerPids(pid)]
  }

  async killNode(name: string): Promise<void> {
    const gateway = this.gateways.get(name)!
    this.gateways.delete(name)
    await gateway.close()
  }

  /** The bootstrap port of one node, past haproxy: it wants a PROXY header. */
  portOf(name: string): number {
    return this.#target(name).firstPort
  }

  /** Waits until every running node sees as many live nodes. */
  async sees(count: number, timeoutMs = 30_000): Promise<void> {
    const looks = [...this.gateways].map(([name, gateway]) =>
      gateway.waitFor(
        `${name} sees ${count} nodes`,
        (state) => liveIds(state).length === count,
        timeoutMs,
        'fleet',
      ),
    )
    await within(timeoutMs + 1000, Promise.all(looks), () => `not all nodes see ${count} nodes`)
  }

  #target(name: string): Target {
    const target = this.#targets.find((each) => each.name === name)
    if (!target) throw new Error(`${name} is none of ${this.#targets.map((each) => each.name).join(', ')}`)
    return target
  }

  async close(): Promise<void> {
    await Promise.all([...this.gateways.values()].map((gateway) => gateway.close()))
    await this.#balancer.stop('SIGKILL')
    await Promise.all([...this.wires.values()].map((wire) => wire.close()))
    await this.redis.stop()
  }
}
