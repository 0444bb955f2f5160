import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Guard } from '#gateway/admin-guard.ts'
import { SUBPROTOCOL } from '#status/contract.ts'
import { MAX_CLIENTS, type StreamHub } from '#status/stream.ts'
import type { CloseCode } from '#status/stream-client.ts'
import { TICKET_MS, type Tickets } from '#status/tickets.ts'

const MAX_PAYLOAD = 16 * 1024
/** A socket that does not answer its closing is ended after this long, in ms: what waits for it is freed then. */
const CLOSING_MS = 5000
/** Those that are being refused among them. */
const MAX_SOCKETS = 2 * MAX_CLIENTS

const STREAM = '/api/v1/stream'

/** Lets routes be WebSockets: before all hooks, which ask whether a request is one. */
export async function addSockets(app: FastifyInstance, hub: StreamHub): Promise<void> {
  const { default: websocket } = await import('@fastify/websocket')
  // Not written in place: its types do not know `closeTimeout` yet.
  const options = {
    maxPayload: MAX_PAYLOAD,
    closeTimeout: CLOSING_MS,
    handleProtocols: (offered: Set<string>) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
  }
  await app.register(websocket, {
    options,
    preClose(done) {
      hub.close()
      done()
    },
    // After a bad frame ws is closing the socket already, with a code that fits.
    errorHandler: (_error, socket) => socket.close(1011),
  })
}

/** `GET /api/v1/stream`. Who may not have it is let in and closed at once, with a code that says why. */
export function addStream(
  app: FastifyInstance,
  { hub, guard, tickets }: { hub: StreamHub; guard: Guard; tickets: Tickets },
): void {
  app.route({
    method: 'GET',
    url: STREAM,
    onRequest: async ({ ws }, reply) => {
      if (ws && app.websocketServer.clients.size >= MAX_SOCKETS) {
        return reply.code(503).send({ error: 'too many sockets' })
      }
    },
    handler: (request, reply) => {
      if (!guard.knows(request.headers)) return reply.code(401).send({ error: 'unauthorized' })
      return reply.code(426).header('upgrade', 'websocket').send({ error: 'this is a WebSocket' })
    },
    wsHandler: (socket, request) => {
      const refusal = refusalOf(request, guard, tickets)
      if (refusal === null) hub.accept(socket)
      else hub.refuse(socket, refusal)
    },
  })
}

function refusalOf(request: FastifyRequest, guard: Guard, tickets: Tickets): CloseCode | null {
  const { headers, ip } = request
  if (!guard.isOwnHost(headers) || !guard.isOwnPage(headers)) return 1008
  const { ticket } = request.query as Record<string, unknown>
  const isIn =
    ticket === undefined ? guard.knows(headers) : typeof ticket === 'string' && tickets.redeem(ticket, ip)
  return isIn ? null : 4401
}

/** `POST /api/v1/stream-ticket`, for what cannot send a header with a WebSocket. */
export function addTickets(app: FastifyInstance, tickets: Tickets): void {
  app.post('/api/v1/stream-ticket', async ({ ip }) => {
    return { ticket: tickets.issue(ip), expiresInMs: TICKET_MS }
  })
}
