import type { Client } from '#batcher/client.ts'
import type { Engine } from '#batcher/engine.ts'

/** What a connection is to the engines that it brings batches to: nearly always there is one. */
export class EngineClients {
  #engine: Engine | null = null
  #client: Client | null = null
  #others: Map<Engine, Client> | null = null

  of(engine: Engine): Client {
    if (engine === this.#engine) return this.#client!
    if (!this.#engine) {
      this.#engine = engine
      return (this.#client = engine.attach())
    }
    this.#others ??= new Map()
    let client = this.#others.get(engine)
    if (!client) this.#others.set(engine, (client = engine.attach()))
    return client
  }

  /** It has brought batches for more than one cluster. */
  get several(): boolean {
    return this.#others !== null
  }

  /** The connection asks for nothing more. */
  leave(): void {
    const [engine, client, others] = [this.#engine, this.#client, this.#others]
    this.#engine = this.#client = this.#others = null
    if (engine) engine.detach(client!)
    for (const [other, itsClient] of others ?? []) other.detach(itsClient)
  }
}
