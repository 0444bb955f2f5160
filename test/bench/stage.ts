import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Watch } from '#loadtests/compare/plan.ts'

import { startHaproxy } from '#test/bench/haproxy.ts'
import { startKroxylicious } from '#test/bench/kroxylicious.ts'
import { configOf } from '#test/support/gateway.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { jars } from '#test/support/maven.ts'
import { freePorts } from '#test/support/ports.ts'
import { type Running, start, temporaryFolder } from '#test/support/processes.ts'

/** What a load is sent to: the brokers themselves, or something before them. */
export interface Door {
  bootstrap: string
  /** The process before the brokers; null for the brokers themselves. */
  running: Running | null
  /** Of a gateway: where its state is told. */
  admin?: string
}

/** How a gateway differs from its defaults. */
export interface SluiceOptions {
  linger: string
  workers: number
  /** Of another checkout. */
  root?: string
}

const AGENT = 'io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1'
const ROOT = join(import.meta.dirname, '../..')
const START_MS = 30_000

/** As brokers are run in earnest: compiled fully, G1. Logs do not outgrow the memory they lie in. */
const JVM = ['-XX:TieredStopAtLevel=4', '-XX:-UseSerialGC', '-XX:+UseG1GC', '-Xms384m', '-Xmx384m']
const PROPERTIES = {
  'log.segment.bytes': String(64 * 1024 * 1024),
  'log.retention.bytes': String(64 * 1024 * 1024),
  'log.retention.check.interval.ms': '5000',
  'log.segment.delete.delay.ms': '1000',
  'socket.listen.backlog.size': '4096',
}
/** Names for what `loadtests/compare/brokers.ts` reads; all else stays unsaid. */
const AGENT_RULES = `includeObjectNames:
  - kafka.network:type=RequestMetrics,name=RequestsPerSec,request=Produce,*
  - kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec
  - kafka.server:type=socket-server-metrics,*
rules:
  - pattern: kafka.network<type=RequestMetrics, name=RequestsPerSec, request=Produce(.*)><>Count
    name: bench_produce
    labels: { of: $1 }
  - pattern: kafka.server<type=BrokerTopicMetrics, name=MessagesInPerSec><>Count
    name: bench_records
  - pattern: kafka.server<type=socket-server-metrics(.*)><>connection-creation-total
    name: bench_connections
    labels: { of: $1 }
`

/** Real brokers with their counters laid open, and the proxies that are asked for, each started once. */
export class Stage {
  readonly cluster: KafkaCluster
  readonly #metricsPorts: number[]
  readonly #doorPorts: number[]
  readonly #doors = new Map<string, Promise<Door>>()

  private constructor(cluster: KafkaCluster, metricsPorts: number[], doorPorts: number[]) {
    this.cluster = cluster
    this.#metricsPorts = metricsPorts
    this.#doorPorts = doorPorts
  }

  static async open(nodes: 1 | 3): Promise<Stage> {
    const ports = await freePorts(2 * nodes)
    const [metrics, doors] = [ports.slice(0, nodes), ports.slice(nodes)]
    const agent = join(await jars('jmx-agent', [AGENT]), 'jmx_prometheus_javaagent-1.0.1.jar')
    if (!existsSync(agent)) throw new Error(`${agent} is missing`)
    const rules = join(temporaryFolder('sluice-bench-'), 'agent.yaml')
    writeFileSync(rules, AGENT_RULES)
    const cluster = await startCluster({
      version: '3.9.2',
      nodes,
      properties: PROPERTIES,
      doors,
      jvmOptions: (place) => [...JVM, `-javaagent:${agent}=127.0.0.1:${metrics[place]}:${rules}`],
    })
    return new Stage(cluster, metrics, doors)
  }

  direct(): Promise<Door> {
    const [first] = this.cluster.brokers
    return Promise.resolve({ bootstrap: `127.0.0.1:${first!.port}`, running: null })
  }

  haproxy(): Promise<Door> {
    const doors = this.cluster.brokers.map(({ doorPort }) => doorPort)
    return this.#once('haproxy', async () => ({
      bootstrap: `127.0.0.1:${this.#doorPorts[0]}`,
      running: await startHaproxy(this.#doorPorts, doors),
    }))
  }

  sluice(options: SluiceOptions): Promise<Door> {
    return this.#once(JSON.stringify(options), () => startSluice(this.cluster, options))
  }

  kroxylicious(): Promise<Door> {
    return this.#once('kroxylicious', () => startKroxylicious(this.cluster.bootstrap))
  }

  #once(name: string, open: () => Promise<Door>): Promise<Door> {
    const door = this.#doors.get(name) ?? open()
    this.#doors.set(name, door)
    return door
  }

  /** Ends all proxies, so that the next run gets fresh ones. */
  async closeDoors(): Promise<void> {
    const doors = await Promise.all(this.#doors.values())
    this.#doors.clear()
    await Promise.all(doors.map(({ running }) => running?.stop('SIGKILL')))
  }

  watch({ running }: Door): Watch {
    const brokers = this.cluster.brokers.map(({ pid }) => pid)
    return {
      processes: { brokers, ...(running && { gateway: [running.pid] }) },
      metrics: this.#metricsPorts.map((port) => `http://127.0.0.1:${port}/metrics`),
      ports: this.cluster.brokers.flatMap(({ port, doorPort }) => [port, doorPort]),
    }
  }

  async close(): Promise<void> {
    await this.closeDoors()
    await this.cluster.close()
  }
}

async function startSluice(
  cluster: KafkaCluster,
  { linger, workers, root = ROOT }: SluiceOptions,
): Promise<Door> {
  const file = join(temporaryFolder('sluice-gateway-'), 'sluice.yaml')
  const clusters = [{ name: 'k', bootstrapServers: cluster.bootstrap.split(','), window: { linger } }]
  const settings = {
    node: { id: 'gw-bench', workers },
    clusters,
    routes: [{ match: 'default', cluster: 'k' }],
    refresh: { interval: '10s' },
  }
  writeFileSync(file, configOf({ clusters: {}, routes: {}, settings }))
  const args = ['run', '--config', file, '--log-level', 'info', '--log-format', 'json']
  const running = await start(join(root, 'bin/sluice'), args, { background: true })
  const [line] = await running.waitForLine(/^.*"msg":"serving".*$/, START_MS)
  const { ports } = JSON.parse(line!) as { ports: Record<string, number> }
  return { bootstrap: `127.0.0.1:${ports.public}`, running, admin: `http://127.0.0.1:${ports.admin}` }
}
