import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Config } from '#gateway/config-schema.ts'
import { isLoopback } from '#gateway/config-values.ts'

/** Who may use the admin port: by token, by the page that asks, and by the name under which it was reached. */
export class Guard {
  readonly #expected: Buffer | null
  readonly #origins: ReadonlySet<string>
  /** Null: any name of this node will do. */
  readonly #hosts: ReadonlySet<string> | null

  /** @param token null: everybody who reaches the port */
  constructor({ bind, allowedOrigins }: Config['admin'], token: string | null) {
    this.#expected = token === null ? null : digest(`Bearer ${token}`)
    const urls = allowedOrigins.filter((origin) => URL.canParse(origin)).map((origin) => new URL(origin))
    this.#origins = new Set(urls.map(({ origin }) => origin))
    this.#hosts = isLoopback(bind.host) ? new Set(urls.map(({ host }) => host)) : null
  }

  knows({ authorization }: IncomingHttpHeaders): boolean {
    return this.#expected === null || timingSafeEqual(digest(authorization ?? ''), this.#expected)
  }

  /** One of `admin.allowedOrigins`. */
  allows(origin: string | undefined): origin is string {
    return origin !== undefined && this.#origins.has(origin)
  }

  /** A page anywhere may make a browser send a POST or open a WebSocket; browsers say then where it came from. */
  isOwnPage({ origin, host }: IncomingHttpHeaders): boolean {
    if (origin === undefined || this.allows(origin)) return true
    return URL.canParse(origin) && new URL(origin).host === host
  }

  /**
   * A foreign name may be made to lead to 127.0.0.1 (DNS rebinding), and then a page of that name is of the
   * same origin as this port. So on loopback it goes by loopback's names alone, and by those that are allowed.
   */
  isOwnHost({ host }: IncomingHttpHeaders): boolean {
    if (this.#hosts === null || host === undefined || this.#hosts.has(host)) return true
    const url = `http://${host}`
    return URL.canParse(url) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''))
  }
}

/** Of equal length, so that comparing two of them takes the same time whatever they are. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** For every answer: what browsers must not do with it, and who may not have it. */
export function addGuard(app: FastifyInstance, guard: Guard): void {
  app.addHook('onRequest', async ({ method, headers, ws }, reply) => {
    reply.headers({
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      vary: 'origin',
    })
    // The stream's route refuses with a close code: a browser tells a page nothing of a failed upgrade.
    if (ws) return
    if (!guard.isOwnHost(headers)) {
      return reply.code(403).send({ error: 'reached under a foreign name: see admin.allowedOrigins' })
    }
    if (guard.allows(headers.origin)) reply.header('access-control-allow-origin', headers.origin)
    if (method === 'POST' && !guard.isOwnPage(headers)) {
      return reply.code(403).send({ error: 'the page comes from elsewhere: see admin.allowedOrigins' })
    }
  })
}

const CONTENT_SECURITY_POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; " +
  "form-action 'none'"

/** For all routes of this scope. */
export function requireToken(app: FastifyInstance, guard: Guard): void {
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (guard.knows(headers)) return
    return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'unauthorized' })
  })
}
