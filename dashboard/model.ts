import { Recording } from '#dashboard/history.ts'
import { mergePatch } from '#dashboard/merge-patch.ts'
import type { Delta, EventFrame, Hello, Snapshot, State, StatusEvent } from '#status/contract.ts'

const MOST_EVENTS = 500

/** What the frames of a stream add up to. */
export interface Model {
  state: State
  recording: Recording
  /** Newest last. */
  events: readonly StatusEvent[]
}

/** @param before what was known until now, perhaps of another connection */
export function begin(hello: Hello, snapshot: Snapshot, before: Model | null): Model {
  const recording = new Recording(hello.series, snapshot.history, before?.recording)
  recording.append(snapshot.ts, snapshot.state)
  return { state: snapshot.state, recording, events: snapshot.events.slice(-MOST_EVENTS) }
}

/** The recording grows in place; all else is new. */
export function change(model: Model, delta: Delta): Model {
  const state = mergePatch(model.state, delta.state)
  model.recording.append(delta.ts, state)
  return { ...model, state }
}

export function happen(model: Model, frame: EventFrame): Model {
  const { type: _, seq: __, ...event } = frame
  return { ...model, events: [...model.events, event].slice(-MOST_EVENTS) }
}
