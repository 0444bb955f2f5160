import type { ClientStatus, State, StatusEvent, TopicStatus } from '#status/contract.ts'
import { type Common, type Frame, frameOf, type TickTexts } from '#status/frames.ts'
import { mergePatch } from '#status/merge-patch.ts'
import type { StreamClient } from '#status/stream-client.ts'
import { topClients, topTopics } from '#status/top.ts'

/** What a client wants to see; `false` is none at all. */
export interface Subscription {
  topics: readonly string[] | false
  clients: readonly string[] | false
  /** Between deltas. */
  seconds: number
}

interface Lists {
  topics: Record<string, TopicStatus>
  clients: ClientStatus[]
}

/** All who want to see the same, as often: their frames are made once, and `seq` counts for all of them. */
export class Feed {
  readonly clients = new Set<StreamClient>()
  readonly subscription: Subscription
  #seq = 0
  /** Of the newest frame; null before the first state. */
  #common: Common | null = null
  #lists: Lists = { topics: {}, clients: [] }
  #age = 0

  constructor(subscription: Subscription) {
    this.subscription = subscription
  }

  /** @param events that the state has brought */
  tick(state: State, texts: TickTexts, events: readonly StatusEvent[]): void {
    const frames: Frame[] = []
    const isOwed = [...this.clients].some(({ owed }) => owed)
    if (++this.#age >= this.subscription.seconds || isOwed) frames.push(...this.#advance(state, texts))
    for (const event of events) frames.push(frameOf({ type: 'event', seq: ++this.#seq, ...event }))
    const snapshot = once(() => texts.snapshot(this.#seq, this.#lists))
    for (const client of this.clients) client.follow(frames, snapshot)
  }

  /** Takes a client in, which gets a snapshot; the others are brought to the same state before. */
  join(client: StreamClient, state: State | null, texts: TickTexts | null): void {
    if (state && texts) {
      const frames = this.#common === texts.common ? [] : this.#advance(state, texts)
      const snapshot = () => texts.snapshot(this.#seq, this.#lists)
      for (const each of this.clients) each.follow(frames, snapshot)
      client.owe()
      client.follow([], snapshot)
    } else client.owe()
    this.clients.add(client)
  }

  /** The frame, if there is one, that brings the clients from the state that they have to this one. */
  #advance(state: State, texts: TickTexts): Frame[] {
    const [before, old] = [this.#common, this.#lists]
    this.#common = texts.common
    this.#lists = listsOf(state, this.subscription)
    this.#age = 0
    return before ? [texts.delta(++this.#seq, before, mergePatch(old, this.#lists))] : []
  }
}

/** The state may hold names that others have asked for. */
function listsOf(state: State, { topics, clients }: Subscription): Lists {
  return {
    topics: topics ? topTopics(state.topics, new Set(topics)) : {},
    clients: clients ? topClients([...state.clients], new Set(clients)) : [],
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}
