import type { Config } from '#gateway/config-schema.ts'
import type { TopicChanges, TopicEntry } from '#gateway/topics.ts'
import type { WorkerSample } from '#status/contract.ts'

/** What the control process tells a worker. Plain data: it may cross a process boundary. */
export type Down =
  /** `ports` are those that another worker of this node has bound; empty for the first. */
  | { type: 'start'; config: Config; slot: number; ports: Record<string, number> }
  /** How many client connections the other workers of this node have. */
  | { type: 'others'; connections: number }
  | { type: 'topics'; cluster: string; changes: TopicChanges }
  /** Close the listeners, answer everything read and end the connections, all by `timeoutMs` from now. */
  | { type: 'drain'; timeoutMs: number }
  | { type: 'stop' }

/** What a worker tells the control process. */
export type Up =
  | { type: 'listening'; ports: Record<string, number> }
  /** It could not start; the reason names the address or the setting. */
  | { type: 'failed'; reason: string }
  | { type: 'sample'; sample: WorkerSample }
  | { type: 'learned'; cluster: string; topic: string; entry: TopicEntry }
  | { type: 'drained' }

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
