import { join } from 'node:path'
import type { State } from '#status/contract.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { type Running, start } from '#test/support/processes.ts'
import { until } from '#test/support/redis.ts'

const BLUE = ['gw-1', 'gw-2', 'gw-3']
const GREEN = ['gw-4', 'gw-5', 'gw-6']
const BLUE_GREEN = join(import.meta.dirname, '../../infra/operations/blue-green.sh')
const SOON_MS = 60_000

export interface StageCluster {
  name: string
  topic: string
  kafka: KafkaCluster
}

/**
 * What a load test needs, on this machine: real Kafka, one broker per cluster; unless it goes straight to that,
 * Redis, haproxy and three nodes with one worker each.
 */
export class LoadStage {
  readonly clusters: readonly StageCluster[]
  /** Null: straight to Kafka. */
  readonly fleet: FleetStage | null
  /** Those that were stopped, too. */
  readonly #everRan: { name: string; running: Running }[] = []

  /** @param nodes that may run at a time; 0 = straight to Kafka */
  static async open(clusterCount: number, nodes: number): Promise<LoadStage> {
    const clusters = await Promise.all(['a', 'b'].slice(0, clusterCount).map(startOne))
    if (nodes === 0) return new LoadStage(clusters, null)
    const fleet = await FleetStage.open({
      nodes,
      clusters: Object.fromEntries(clusters.map(({ name, kafka }) => [name, kafka.bootstrap])),
      routes: Object.fromEntries(clusters.map(({ name }) => [`${name}.`, name])),
      workers: 1,
      settings: { log: { level: 'info' }, drain: { delay: '2s', timeout: '10s' } },
    })
    const stage = new LoadStage(clusters, fleet)
    await stage.#startNodes(BLUE)
    return stage
  }

  private constructor(clusters: readonly StageCluster[], fleet: FleetStage | null) {
    this.clusters = clusters
    this.fleet = fleet
  }

  /** Of the nodes that run. */
  get adminUrls(): string[] {
    return [...(this.fleet?.gateways.values() ?? [])].map(({ ports }) => `http://127.0.0.1:${ports.admin}`)
  }

  /** What each node logged, at most its newest 256 KiB, by file name. */
  get logs(): Map<string, string> {
    return new Map(this.#everRan.map(({ name, running }, i) => [`${i + 1}-${name}.log`, running.output()]))
  }

  /**
   * What scenarios may order, each as `ORDER` or `ORDER/NAME`. Resolves when it is done.
   *
   * @throws in words, when it cannot be done
   */
  async obey(order: string, name: string): Promise<void> {
    const orders: Record<string, () => Promise<void>> = {
      'kill-node': () => this.#killNode(name),
      'start-node': () => this.#startNodes([name]),
      'replace-node': () => this.#replaceNode(name),
      'blue-green': () => this.#blueGreen(),
      'kill-cluster': () => this.#clusterOf(name).brokers[0]!.kill(),
      'start-cluster': () => this.#clusterOf(name).brokers[0]!.restart(),
      'kill-redis': () => this.#fleet.redis.kill(),
      'start-redis': () => this.#fleet.redis.start(),
    }
    const work = Object.hasOwn(orders, order) ? orders[order] : undefined
    if (!work) throw new Error(`no order '${order}': ${Object.keys(orders).join(', ')}`)
    await work()
  }

  get #fleet(): FleetStage {
    if (!this.fleet) throw new Error('there are no nodes: the load goes straight to Kafka')
    return this.fleet
  }

  #clusterOf(name: string): KafkaCluster {
    const cluster = this.clusters.find((each) => each.name === name)
    if (!cluster) throw new Error(`no cluster '${name}'`)
    return cluster.kafka
  }

  /** As a machine dies: all its processes at once. */
  async #killNode(name: string): Promise<void> {
    for (const pid of this.#fleet.pids(name).reverse()) process.kill(pid, 'SIGKILL')
    await this.#fleet.killNode(name)
  }

  /** One after the other: started together on a busy machine, none is ready in time. */
  async #startNodes(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const { running } = await this.#fleet.startNode(name)
      this.#everRan.push({ name, running })
    }
    await this.#serving([...this.#fleet.gateways.keys()])
  }

  async #replaceNode(name: string): Promise<void> {
    await this.#stopNode(name)
    await this.#startNodes([name])
  }

  async #stopNode(name: string): Promise<void> {
    const code = await this.#fleet.drainNode(name)
    if (code !== 0) throw new Error(`${name} ended with ${code} after SIGTERM, not with 0`)
  }

  /** With the script that operators use. */
  async #blueGreen(): Promise<void> {
    const fleet = this.#fleet
    await this.#startNodes(GREEN)
    const urls = (names: string[], port: 'admin' | 'health'): string[] =>
      names.map((name) => `http://127.0.0.1:${fleet.gateways.get(name)!.ports[port]}`)
    const nodes = ['--green', ...urls(GREEN, 'health'), '--blue', ...urls(BLUE, 'admin')]
    const script = await start(BLUE_GREEN, ['--settle', '2', '--timeout', '60', ...nodes], { input: '' })
    const { code } = await script.exited
    console.log(script.output().trimEnd())
    if (code !== 0) throw new Error(`blue-green.sh ended with ${code}`)
    for (const name of BLUE) await this.#stopNode(name)
  }

  /** Waits until every running node sees these serve. */
  async #serving(names: readonly string[]): Promise<void> {
    for (const url of this.adminUrls) {
      let seen = ''
      const sees = async (): Promise<boolean> => {
        const { nodes } = (await (await fetch(`${url}/api/v1/state`)).json()) as State
        seen = JSON.stringify(Object.entries(nodes).map(([name, { state }]) => `${name} ${state}`))
        return names.every((name) => nodes[name]?.state === 'serving')
      }
      await until(SOON_MS, sees, () => `${url} sees ${seen}, and not ${names.join(', ')} serving`)
    }
  }

  async close(): Promise<void> {
    await this.fleet?.close()
    await Promise.all(this.clusters.map(({ kafka }) => kafka.close()))
  }
}

/** A killed broker can come back after 3 s, not 9. */
const QUICK = { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' }

async function startOne(name: string): Promise<StageCluster> {
  return { name, topic: `${name}.load`, kafka: await startCluster({ version: '4.4.0', properties: QUICK }) }
}
