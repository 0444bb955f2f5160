import type { Amounts } from '#fleet/amounts.ts'
import type { Config } from '#gateway/config-schema.ts'
import type { LiveNode } from '#gateway/live-nodes.ts'
import type { TopicChanges, TopicEntry } from '#gateway/topics.ts'
import type { WorkerSample } from '#status/samples.ts'

export interface Start {
  config: Config
  /** Those that another worker of this node has bound; empty for the first. */
  ports: Record<string, number>
  /** Workers that share the node's limits and budgets. */
  workers: number
  /** This worker's part of each cluster's budget. */
  grants: Record<string, Amounts>
}

/** The client connections of a worker's siblings, for the limits that a node's workers share. */
export interface Others {
  connections: number
  /** By client address; empty where no limit needs it. */
  addresses: Record<string, number>
}

/** What the control process tells a worker. Plain data: it may cross a process boundary. */
export type Down =
  | ({ type: 'start' } & Start)
  | ({ type: 'others' } & Others)
  /** It knows what it must: it may bind its ports. */
  | { type: 'listen' }
  /** The id of the cluster that the first worker met; brokers of any other are refused. */
  | { type: 'pin'; cluster: string; clusterId: string }
  | { type: 'topics'; cluster: string; changes: TopicChanges }
  /** The nodes of the fleet that serve; none while this node is alone. */
  | { type: 'nodes'; nodes: readonly LiveNode[] }
  /** `client.id`s to report beside the top ones. */
  | { type: 'watch'; clients: readonly string[] }
  | { type: 'grant'; cluster: string; grant: Amounts }
  /** Bind the ports of clusters that this config adds, and connect to them; nothing else changes yet. */
  | ({ type: 'prepare'; id: number } & Start)
  /** What was prepared holds for frames read from now on; `topics` are those of new clusters. */
  | { type: 'commit'; id: number; topics: Record<string, TopicChanges> }
  | { type: 'abort' }
  /** Close the listeners, answer everything read and end the connections, all by `timeoutMs` from now. */
  | { type: 'drain'; timeoutMs: number }
  /** Give up a drain, or come back after it: listen again. */
  | { type: 'undrain'; id: number }
  | { type: 'stop' }

/** What a worker tells the control process. */
export type Up =
  | { type: 'listening'; ports: Record<string, number> }
  /** It could not start; the reason names the address or the setting. */
  | { type: 'failed'; reason: string }
  | { type: 'sample'; sample: WorkerSample }
  | { type: 'learned'; cluster: string; topic: string; entry: TopicEntry }
  /** It has met the cluster for the first time. */
  | { type: 'met'; cluster: string; clusterId: string }
  | { type: 'drained' }
  /** It has done what a message with that id asked; `ports` are bound, or will be after the commit. */
  | { type: 'done'; id: number; ports: Record<string, number> }
  /** It could not, and nothing has changed. */
  | { type: 'refused'; id: number; reason: string }

/** One end of the channel between the control process and a worker. */
export interface Channel<Send, Receive> {
  send(message: Send): void
  onMessage: (message: Receive) => void
}

class LocalEnd<Send, Receive> implements Channel<Send, Receive> {
  onMessage: (message: Receive) => void = () => {}
  peer!: LocalEnd<Receive, Send>

  /** Copies and delivers later, as a process boundary would. */
  send(message: Send): void {
    const copy = structuredClone(message)
    setImmediate(() => this.peer.onMessage(copy))
  }
}

/** Both ends of a channel for a worker that runs inside the control process. */
export function localChannel(): { control: Channel<Down, Up>; worker: Channel<Up, Down> } {
  const control = new LocalEnd<Down, Up>()
  const worker = new LocalEnd<Up, Down>()
  control.peer = worker
  worker.peer = control
  return { control, worker }
}
