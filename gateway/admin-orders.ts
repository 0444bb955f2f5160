import type { FastifyInstance, FastifyReply } from 'fastify'
import { Conflict, type Control } from '#gateway/control.ts'
import { Refusal } from '#gateway/reload.ts'

/**
 * `POST /drain`, `/undrain` and `/reload`. 200: done, or under way. 400: the configuration is wrong. 409: it
 * makes no sense now. 500: it could not be done. In words, and nothing has changed unless it is 200.
 */
export function addOrders(app: FastifyInstance, control: Control): void {
  app.post('/drain', (_request, reply) =>
    obey(reply, async () => {
      const { delay, timeout } = control.config.drain
      control.drain()
      return { state: control.state, drained: control.drained, delayMs: delay, timeoutMs: timeout }
    }),
  )
  app.post('/undrain', (_request, reply) =>
    obey(reply, async () => {
      await control.undrain()
      return { state: control.state }
    }),
  )
  app.post('/reload', (_request, reply) =>
    obey(reply, async () => {
      const changed = await control.reload()
      return { changed, configHash: control.configHash }
    }),
  )
}

async function obey(reply: FastifyReply, order: () => Promise<object>): Promise<object> {
  try {
    return await order()
  } catch (error) {
    const { message } = error as Error
    if (error instanceof Refusal) {
      reply.code(400)
      return { error: 'the configuration is refused, nothing has changed', errors: error.errors }
    }
    reply.code(error instanceof Conflict ? 409 : 500)
    return { error: message }
  }
}
