import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { type Sandbox, type SandboxOptions, startSandbox } from '#sandbox/sandbox.ts'
import { Crew, type CrewOptions, story } from '#test/faults/crew.ts'
import { assertCriterion, type Ledger } from '#test/support/criterion.ts'
import { FaultProxy } from '#test/support/fault-proxy.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { readLog } from '#test/support/java-client.ts'
import { freePortRange } from '#test/support/ports.ts'
import { RawClient } from '#test/support/raw-client.ts'

export interface StageOptions extends SandboxOptions {
  /** A fault proxy before each broker, and one before each port of the gateway. */
  proxied?: boolean
  settings?: Record<string, unknown>
}

/** Rows about one gateway before a sandbox, where faults are exact. Topics begin with t. */
export class SandboxStage {
  readonly sandbox: Sandbox
  /** Before the brokers. */
  readonly proxies: FaultProxy[]
  /** Before the gateway: its bootstrap port, and its port for the cluster. */
  readonly doors: FaultProxy[]
  readonly gateway: Gateway
  readonly #clients: RawClient[] = []

  static async open(options: StageOptions): Promise<SandboxStage> {
    const { proxied = false, settings = {}, ...rest } = options
    const sandbox = await startSandbox({ retainBytes: 'all', ...rest })
    const proxies = proxied ? await proxiesOf(sandbox) : []
    const first = await freePortRange(2)
    const doors = proxied ? [await FaultProxy.start(first), await FaultProxy.start(first + 1)] : []
    const advertised = { mode: 'shared', host: '127.0.0.1', port: first, perCluster: true }
    const bind = `127.0.0.1:${proxied ? await freePortRange(2) : 0}`
    try {
      const gateway = await startGateway({
        clusters: { c: sandbox.bootstrap },
        routes: { t: 'c' },
        settings: { listeners: [{ name: 'public', bind, ...(proxied && { advertised }) }], ...settings },
      })
      for (const [i, door] of doors.entries()) door.target = gateway.ports[i === 0 ? 'public' : 'public/c']!
      return new SandboxStage(sandbox, proxies, doors, gateway)
    } catch (error) {
      await Promise.all([sandbox, ...proxies, ...doors].map((each) => each.close()))
      throw error
    }
  }

  private constructor(sandbox: Sandbox, proxies: FaultProxy[], doors: FaultProxy[], gateway: Gateway) {
    this.sandbox = sandbox
    this.proxies = proxies
    this.doors = doors
    this.gateway = gateway
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.doors[0]?.port ?? this.gateway.port}`
  }

  async client(): Promise<RawClient> {
    const client = await RawClient.connect(this.doors[0]?.port ?? this.gateway.port)
    this.#clients.push(client)
    return client
  }

  clients(count: number): Promise<RawClient[]> {
    return Promise.all(Array.from({ length: count }, () => this.client()))
  }

  heal(): void {
    for (const proxy of [...this.proxies, ...this.doors]) proxy.heal()
    this.sandbox.liftFaults()
  }

  /** Producers send while something happens; all faults are over when the log is read. */
  async under(
    options: Omit<CrewOptions, 'bootstrap'>,
    trouble: (crew: Crew) => Promise<void>,
  ): Promise<{ ledgers: Ledger[]; told: string }> {
    const crew = await Crew.start({ bootstrap: this.bootstrap, ...options })
    try {
      await trouble(crew)
      const ledgers = await crew.finish()
      this.heal()
      assertCriterion(ledgers, { clusters: { c: await readLog(this.sandbox.bootstrap, options.topics) } })
      return { ledgers, told: story(ledgers) }
    } finally {
      await crew.kill()
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
    await this.gateway.close()
    await Promise.all([...this.proxies, ...this.doors].map((proxy) => proxy.close()))
    await this.sandbox.close()
  }
}

/** Metadata names the proxies from now on. */
async function proxiesOf(sandbox: Sandbox): Promise<FaultProxy[]> {
  const started = sandbox.brokers.map(async (broker) => {
    const proxy = await FaultProxy.start()
    proxy.target = broker.port
    Object.defineProperty(broker, 'port', { value: proxy.port })
    return proxy
  })
  return Promise.all(started)
}

/** Opens a stage for one piece of work. */
export async function onStage<T>(
  options: StageOptions,
  work: (stage: SandboxStage) => Promise<T>,
): Promise<T> {
  const stage = await SandboxStage.open(options)
  try {
    return await work(stage)
  } finally {
    await stage.close()
  }
}

/** Waits for something to become true. */
export async function until(what: string, holds: () => boolean, timeoutMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !holds(); await pause(2)) {
    assert.ok(Date.now() < deadline, `${what}: not within ${timeoutMs} ms`)
  }
}
