import type { TestContext } from 'node:test'
import { type AdminOptions, openAdmin } from '#gateway/admin.ts'
import type { Control } from '#gateway/control.ts'
import type { LiveStatus, Named } from '#gateway/live-status.ts'
import type { NodeState, State } from '#status/contract.ts'
import { BASE, configOf } from '#test/gateway/config-fixture.ts'
import { fleet } from '#test/status/states.ts'

/** A control side that obeys, or fails as it is told to. */
export function fakeControl(sections = '', base = BASE) {
  const logged: object[] = []
  const topic = { partitions: 3, internal: false }
  const topics = new Map([
    ['orders.eu', topic],
    ['orders.us', topic],
    ['audit', topic],
    ['__consumer_offsets', { partitions: 50, internal: true }],
  ])
  return {
    config: configOf(`${base}${sections || 'admin: { bind: 127.0.0.1:0 }\nhealth: { bind: 127.0.0.1:0 }\n'}`),
    state: 'serving' as NodeState,
    drained: false,
    configHash: 'abc',
    asked: [] as string[],
    /** What the next order does instead of being obeyed. */
    failure: null as Error | null,
    logged,
    log: { error: (fields: object, text: string) => logged.push({ ...fields, text }) },
    order(name: string) {
      this.asked.push(name)
      if (this.failure) throw this.failure
    },
    drain() {
      this.order('drain')
    },
    async undrain() {
      this.order('undrain')
    },
    async reload() {
      this.order('reload')
      return ['routes']
    },
    fleet: { clusters: new Map([['eu', { map: { topics } }]]) },
  }
}

/** A live status that says always the same, and remembers what it was asked for. */
export function fakeLive(state: State = fleet()) {
  return {
    current: state,
    asked: [] as (Named & { scope: string })[],
    state(named: Named = { topics: [], clients: [] }) {
      this.asked.push({ scope: 'fleet', ...named })
      return this.current
    },
    own(named: Named = { topics: [], clients: [] }) {
      this.asked.push({ scope: 'node', ...named })
      return this.current
    },
    metrics: (stream: object) => `# ${JSON.stringify(stream)}\n`,
    onTick: () => {},
  }
}

export interface StageOptions extends AdminOptions {
  token?: string
  control?: ReturnType<typeof fakeControl>
}

/** An admin port, and what stands behind it. */
export async function openStage(context: TestContext, { token, control, ...options }: StageOptions = {}) {
  control ??= fakeControl()
  const live = fakeLive()
  const app = await openAdmin(
    control as unknown as Control,
    live as unknown as LiveStatus,
    token ?? null,
    // A folder that is not there: whether the dashboard is built must not matter to a test.
    { dashboard: '/nonexistent', ...options },
  )
  context.after(() => app.close())
  const origin = app.listeningOrigin
  const ask =
    (method: string) =>
    (path: string, headers: Record<string, string> = {}) => {
      return fetch(`${origin}${path}`, { method, headers })
    }
  return { app, control, live, origin, ask, get: ask('GET'), post: ask('POST') }
}
