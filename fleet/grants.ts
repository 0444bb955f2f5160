import { type Amounts, GRANT_KEPT_MS, GRANT_LEASE_MS, type Grant, type GrantReport } from '#fleet/amounts.ts'
import { type RedisLink, Script } from '#fleet/redis.ts'
import type { Log } from '#telemetry/log.ts'

const script = new Script('grant.lua')

type Row = [number, number, number]

/** What a caller tells the script; each row is lanes, bytes, submissions per second. */
export interface GrantCall {
  budget: Row
  floor: Row
  holds: Row
  uses: Row
  wants: Row
}

export interface GrantAnswer {
  grant: Row
  /** Names of the budgets that are exceeded, with commas between. */
  over: string
  /** The smallest of all live nodes; 0 = unlimited. */
  budget: Row
  /** It waits for others to make room for its floor. */
  below: boolean
}

/** @param now ms, instead of the time of Redis: for tests only */
export async function callGrantScript(
  link: Pick<RedisLink, 'commands' | 'key'>,
  cluster: string,
  caller: string,
  call: GrantCall | null,
  now?: number,
): Promise<GrantAnswer | null> {
  const args = [caller, call ? JSON.stringify(call) : '', GRANT_LEASE_MS, GRANT_KEPT_MS, now ?? '']
  const answer = await script.run(link.commands, [link.key(`grants:${cluster}`)], args)
  return call ? JSON.parse(answer) : null
}

/** This node's share of the budget of one cluster. */
export class ClusterGrant {
  readonly cluster: string
  budget: Amounts
  floor: Amounts
  readonly #link: RedisLink
  readonly #log: Log
  readonly #changed: (grant: Grant) => void
  #report: GrantReport | null = null
  /** What the fleet granted last; null = nothing yet. */
  #granted: Amounts | null = null
  /** In submissions per second. */
  #isUnlimited: boolean
  #over = ''
  #stale = true
  #below = true
  #asking = false
  #gone = false

  constructor(
    cluster: { name: string; budget: Amounts; floor: Amounts },
    link: RedisLink,
    log: Log,
    changed: (grant: Grant) => void,
  ) {
    this.cluster = cluster.name
    this.budget = cluster.budget
    this.floor = cluster.floor
    this.#isUnlimited = cluster.budget.submissionsPerSecond === 0
    this.#link = link
    this.#log = log
    this.#changed = changed
  }

  /** Never below the floor. */
  get grant(): Grant {
    const granted = this.#granted ?? this.floor
    const { lanes, inFlightBytes, submissionsPerSecond } = this.floor
    return {
      lanes: Math.max(granted.lanes, lanes),
      inFlightBytes: Math.max(granted.inFlightBytes, inFlightBytes),
      submissionsPerSecond: this.#isUnlimited
        ? 0
        : Math.max(granted.submissionsPerSecond, submissionsPerSecond),
      stale: this.#stale,
      overcommitted: this.#over !== '',
    }
  }

  /** The fleet has given it at least its floor. */
  get isAdmitted(): boolean {
    return !this.#below
  }

  report(report: GrantReport): void {
    this.#report = report
  }

  /** The fleet cannot be asked: what was granted stays. */
  lose(): void {
    this.#change(() => {
      this.#stale = true
    })
  }

  /** Tells the fleet what this node holds and wants, and takes what it is given. @throws when Redis fails */
  async ask(caller: string): Promise<void> {
    if (this.#asking || this.#gone) return
    this.#asking = true
    try {
      const answer = await callGrantScript(this.#link, this.cluster, caller, this.#call())
      // A node that has given back meanwhile must not stand in the books again.
      if (this.#gone) await callGrantScript(this.#link, this.cluster, caller, null)
      else this.#take(answer!)
    } finally {
      this.#asking = false
    }
  }

  /** Gives the whole share back, after the last answer. @throws when Redis fails */
  async giveBack(caller: string): Promise<void> {
    this.#gone = true
    await callGrantScript(this.#link, this.cluster, caller, null)
  }

  #call(): GrantCall {
    const nothing = { lanes: 0, inFlightBytes: 0, submissionsPerSecond: 0 }
    return {
      budget: row(this.budget),
      floor: row(this.floor),
      holds: row(this.#granted ?? nothing),
      uses: row(this.#report?.uses ?? nothing),
      wants: row(this.#report?.wants ?? this.floor),
    }
  }

  #take({ grant, budget, over, below }: GrantAnswer): void {
    const [lanes, inFlightBytes, submissionsPerSecond] = grant
    if (over !== '' && over !== this.#over) {
      const settings = over.split(',').map((name) => `clusters[].window.${name}`)
      this.#log.warn(
        { cluster: this.cluster, settings },
        'overcommitted: the nodes together may use more than this budget; raise it, or run fewer workers',
      )
    }
    this.#change(() => {
      this.#granted = { lanes, inFlightBytes, submissionsPerSecond }
      this.#isUnlimited = budget[2] === 0
      this.#over = over
      this.#below = below
      this.#stale = false
    })
  }

  #change(edit: () => void): void {
    const before = JSON.stringify(this.grant)
    edit()
    const { grant } = this
    if (JSON.stringify(grant) !== before) this.#changed(grant)
  }
}

function row({ lanes, inFlightBytes, submissionsPerSecond }: Amounts): Row {
  return [lanes, inFlightBytes, submissionsPerSecond].map((amount) => Math.ceil(amount)) as Row
}
