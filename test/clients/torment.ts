import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CLIENTS, settingsOf } from '#test/clients/matrix.ts'
import { clientsPage } from '#test/clients/page.ts'
import { type RunResult, runClient } from '#test/clients/run.ts'
import { Stage } from '#test/clients/stage.ts'
import { violations } from '#test/support/criterion.ts'

const PAGE = new URL('../../docs/clients.md', import.meta.url)

/**
 * The whole matrix: every client with every setting.
 *
 *   npm run torment -- clients [--records 600]          writes docs/clients.md
 *   npm run torment -- clients --client sarama          one client, and writes nothing
 *
 * @returns the exit code: 1 if anything does not hold
 */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { client: { type: 'string' }, records: { type: 'string', default: '600' } },
  })
  const clients = CLIENTS.filter(({ key }) => values.client === undefined || key === values.client)
  if (clients.length === 0)
    throw new Error(`no client ${values.client}: ${CLIENTS.map(({ key }) => key).join(' ')}`)
  const stage = await Stage.open()
  try {
    const results: RunResult[] = []
    for (const client of clients) {
      const own = await runClient(stage, client, settingsOf(client), Number(values.records))
      own.forEach(report)
      results.push(...own)
    }
    const strays = await straysOf(stage, results)
    if (values.client === undefined) writeFileSync(PAGE, clientsPage(results))
    const failed = results.filter(({ faults }) => faults.length > 0).length
    console.log(`${results.length} runs, ${failed} failed; ${strays.length} strays ${strays[0] ?? ''}`)
    return failed + strays.length === 0 ? 0 : 1
  } finally {
    await stage.close()
  }
}

function report({ client, setting, faults, ms, connections }: RunResult): void {
  const name = `${client.name} ${client.version}, ${setting.name}`
  const line = `${name}: ${(ms / 1000).toFixed(1)} s, ${connections.length} connections`
  console.log(
    faults.length === 0 ? `holds  ${line}` : `FAILS  ${line}\n       ${faults.slice(0, 3).join('\n       ')}`,
  )
}

/** What stands in topics that no run knows of, or in those of another run. */
async function straysOf(stage: Stage, results: RunResult[]): Promise<string[]> {
  const ledgers = results.flatMap(({ ledger }) => ledger ?? [])
  return violations(ledgers, await stage.logs())
    .filter(({ rule }) => rule === 'd')
    .map(({ text }) => text)
}
