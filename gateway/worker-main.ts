import { flushCompileCache } from 'node:module'
import type { Channel, Down, Up } from '#gateway/control-channel.ts'
import { serveChannel } from '#gateway/worker.ts'

/**
 * A worker as a process of its own. The control process decides when it ends: signals that a terminal or a
 * systemd sends to the whole group are left to it.
 */
process.on('SIGTERM', () => {})
process.on('SIGINT', () => {})

const channel: Channel<Up, Down> = {
  send: (message) => {
    if (process.connected) process.send!(message)
  },
  onMessage: () => {},
}
process.on('message', (message) => channel.onMessage(message as Down))
const served = serveChannel(channel, null, true)
// Where bin/sluice has switched it on: whoever is killed would leave nothing for the next start.
flushCompileCache()
process.on('disconnect', () => {
  // Nobody keeps us informed any more: serve what is connected to its end, and let systemd start anew.
  void served.endAlone().then(() => process.exit(0))
})
