import { apiList } from '#protocol/apis.ts'
import type { Mode } from '#test/clients/matrix.ts'
import type { RunResult } from '#test/clients/run.ts'

/** docs/clients.md, from the results of the whole matrix. */

const INTRO = `# Clients

Written by \`npm run torment -- clients\`; changes made here are lost.

Each client was run with each of its settings, to a topic on a Kafka 3.9.2 and one on a 4.4.0 cluster at once, through
one gateway with two workers. Behind each run the clusters were read directly: every record stands there once,
unchanged, at the offset the client was told, in the order of sending, in the partition it was sent to, and nothing
is found elsewhere; the stored batches have the codec and, for idempotent producers, the producer id that was asked for.
Versions and connections were counted by a proxy between client and gateway.

`

const GENERAL = `## What holds for all

- A client opens one connection to the bootstrap port and one to the port of each cluster that it writes to (franz-go:
  two): all these ports must be reachable, under the advertised host.
- ApiVersions 5 (Java 4.4, franz-go) is answered with error 35 in the form of version 0, and the client asks again
  with version 4 on the same connection. Version 5 names the cluster that the client thinks it speaks to: passed on
  to a real cluster it would be refused, and the client would reconnect for ever.
- Produce goes up to version 12, since 13 names topics by ids that belong to one cluster.
- A send that fails with error 7 may have been stored. Only idempotent producers can send again without a duplicate.

`

type Column = [title: string, shows: (mode: Mode) => boolean]
/** What a setting changes about the default is shown in the column of that. */
const IDEMPOTENCE: Column[] = [
  ['idempotent', ({ idempotent }) => idempotent],
  ['not idempotent', ({ idempotent }) => !idempotent],
]
const ACKS: Column[] = ['all', '1', '0'].map((acks) => [`acks=${acks}`, (mode) => mode.acks === acks])
const CODECS: Column[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'].map((codec) => [
  codec,
  (mode) => mode.codec === codec,
])
const COLUMNS = [...IDEMPOTENCE, ...ACKS, ...CODECS]
/** By the names in the table of APIs. */
const SHOWN_APIS = ['ApiVersions', 'Metadata', 'InitProducerId', 'Produce']

export function clientsPage(results: RunResult[]): string {
  const byClient = [...Map.groupBy(results, ({ client }) => client.key).values()]
  return [
    INTRO,
    table(['client', 'version', 'outcome', ...SHOWN_APIS, 'connections'], byClient.map(summaryOf)),
    GENERAL,
    '## What to set and to avoid\n\n',
    table(
      ['client', 'advice'],
      byClient.map(([first]) => [titleOf(first!), first!.client.advice]),
    ),
    '## Settings\n\n',
    '✓ everything above holds, ✗ it does not, ● holds and is the default, – the client has no such setting.\n\n',
    table(['client', ...COLUMNS.map(([title]) => title), 'others'], byClient.map(settingsOf)),
    orderNotes(results),
    faultsOf(results),
  ]
    .join('')
    .trimEnd()
    .concat('\n')
}

function titleOf({ client }: RunResult): string {
  return `${client.name} ${client.version}`
}

function summaryOf(results: RunResult[]): string[] {
  const { client } = results[0]!
  const good = results.filter(({ faults }) => faults.length === 0).length
  const outcome = `${good} of ${results.length} settings`
  const versions = SHOWN_APIS.map((name) => versionsOf(results, name))
  return [client.name, client.version, outcome, ...versions, connectionsOf(results)]
}

/** In the order in which they are first asked for. */
function versionsOf(results: RunResult[], api: string): string {
  const { key } = apiList.find(({ name }) => name === api)!
  const requests = results.flatMap(({ connections }) => connections.flatMap(({ requests }) => requests))
  const versions = new Set(requests.filter(({ apiKey }) => apiKey === key).map(({ version }) => version))
  return [...versions].join(', ') || '–'
}

/** Per port, over all settings: `bootstrap 1, one 1–2, two 1`. */
function connectionsOf(results: RunResult[]): string {
  const counts = (door: string): number[] =>
    results.map(({ connections }) => connections.filter((each) => each.door === door).length)
  return ['bootstrap', 'one', 'two'].map((door) => `${door} ${range(counts(door))}`).join(', ')
}

function range(numbers: number[]): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  return least === most ? String(least) : `${least}–${most}`
}

function settingsOf(results: RunResult[]): string[] {
  const [first] = results
  const others = results.filter(({ setting }) => !COLUMNS.some(([title]) => title === setting.name))
  return [
    titleOf(first!),
    ...COLUMNS.map(([title, shows]) => {
      const result = results.find(({ setting }) => setting.name === title)
      if (result) return markOf(result)
      return shows(first!.client.defaults) ? markOf(first!).replace('✓', '●') : '–'
    }),
    others
      .slice(1)
      .map((result) => `${markOf(result)} ${result.setting.name}`)
      .join(', ') || '–',
  ]
}

function markOf({ faults }: RunResult): string {
  return faults.length === 0 ? '✓' : '✗'
}

function orderNotes(results: RunResult[]): string {
  const unordered = results.filter(({ setting }) => setting.unordered)
  const lines = unordered.map(({ client, setting, disordered, records }) => {
    const what =
      disordered === 0 ? 'all in order this time, which nothing promises' : `${disordered} out of order`
    return `- ${client.name}, ${setting.name}: ${records} records, all stored once, ${what}.\n`
  })
  return `Several sends at once, without idempotence:\n\n${lines.join('')}\n`
}

function faultsOf(results: RunResult[]): string {
  const lines = results.flatMap((result) => {
    const shown = result.faults.slice(0, 3).map((fault) => fault.replaceAll(/\s+/g, ' ').slice(0, 300))
    return shown.map((fault) => `- ${titleOf(result)}, ${result.setting.name}: ${fault}\n`)
  })
  return lines.length === 0 ? '' : `## Faults\n\n${lines.join('')}\n`
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |\n`
  return `${line(head)}${line(head.map(() => '---'))}${rows.map(line).join('')}\n`
}
