import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Where a scenario orders what is to happen: `POST /ORDER/NAME`, answered when it is done. */
export interface ControlPort {
  url: string
  close(): void
}

export async function openControl(
  obey: (order: string, name: string) => Promise<void>,
): Promise<ControlPort> {
  const server = createServer(async ({ url = '' }, response) => {
    const [, order = '', name = ''] = url.split('/')
    const start = performance.now()
    const failure = await obey(order, name).then(
      () => null,
      (error: Error) => error.message,
    )
    const took = `${((performance.now() - start) / 1000).toFixed(1)} s`
    console.log(`${order} ${name}: ${failure ?? 'done'} (${took})`)
    response.writeHead(failure === null ? 200 : 500)
    response.end(failure ?? 'done')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}
