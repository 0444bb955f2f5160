import { writeFileSync } from 'node:fs'
import { z } from 'zod'
import { memoryTerms } from '#gateway/config-limits.ts'
import { configSchema } from '#gateway/config-schema.ts'
import { formatSize } from '#gateway/config-values.ts'
import {
  elementOf,
  factsOf,
  fieldsOf,
  isReserved,
  kindOf,
  type Schema,
  unwrap,
} from '#gateway/config-walk.ts'
import { limitsPage } from '#gateway/limits-docs.ts'
import { table } from '#gateway/markdown.ts'

/** Generates docs/config.md, docs/config.schema.json and docs/limits.md from the schema: `npm run docs`. */

const INTRO = `# Configuration

Generated from the schema by \`npm run docs\`; changes made here are lost.

- **Example**: [sluice.example.yaml](sluice.example.yaml).
  **JSON Schema** for editors: [config.schema.json](config.schema.json).
- **Check a file**: \`sluice check --config FILE\` lists all that is wrong, with line and column.
  \`sluice print-config --config FILE\` shows what would be used and where each value came from.
- **Sources**: flags > environment > file > defaults.
  Flags: \`--set limits.memory=1GiB\`, \`--set clusters[0].name=eu\`.
  Environment: \`SLUICE_LIMITS__MEMORY=1GiB\`, \`SLUICE_CLUSTERS__0__NAME=eu\`: \`__\` separates levels,
  the case of keys does not matter, an empty variable is not set.
  In both, a list may be separated by commas, a mapping be written as YAML, and \`null\` takes a key away.
- **Variables**: \`\${NAME}\` in a value of the file is replaced by that environment variable, which must be
  set; \`$\${\` is a plain \`\${\`. Inside \`{ }\` and \`[ ]\`, put \`"\${NAME}"\` in quotes.
- **Units**: durations \`250ms\`, \`30s\`, \`5m\`, \`1h\`, \`7d\`; sizes \`512B\`, \`64KiB\`, \`1MiB\`,
  \`1GiB\`, \`1TiB\`. A bare number is refused.
- **Secrets** stand in files (\`passwordFile\`, \`tokenFile\`; a relative path counts from the folder of the
  configuration file) or come through \`\${NAME}\`, never in clear. print-config masks them.
- **Unknown keys are errors.** Keys marked reserved are known, and refused until a later release serves them.
`

interface Row {
  key: string
  value: string
  fallback: string
  meaning: string
}

export function configPage(): string {
  const scalars: Row[] = []
  const sections: string[] = []
  for (const [key, field] of Object.entries(fieldsOf(configSchema))) {
    const section = sectionOf(key, field)
    if (section) sections.push(section)
    else scalars.push(rowOf(key, field))
  }
  const top = `## Top level\n\n${keyTable(scalars)}`
  return [INTRO, top, ...sections, memoryPage()].join('\n')
}

export function configJsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input' })
  return `${JSON.stringify({ title: 'Sluice configuration', ...schema }, null, 2)}\n`
}

function sectionOf(key: string, field: Schema): string | undefined {
  const element = elementOf(field)
  const entry = element ?? field
  if (kindOf(entry) !== 'object') return undefined
  const { required } = unwrap(field)
  const count = element
    ? 'A list with at least one entry. '
    : required || isDefaulted(field)
      ? ''
      : 'Optional. '
  return `## ${key}${element ? '[]' : ''}\n\n${count}${describe(field)}\n\n${keyTable(rowsOf(entry))}`
}

function isDefaulted(field: Schema): boolean {
  return unwrap(field).fallback !== undefined
}

function rowsOf(schema: Schema, above = ''): Row[] {
  return Object.entries(fieldsOf(schema)).flatMap(([name, field]) => {
    const key = above + name
    if (kindOf(field) !== 'object') return [rowOf(key, field)]
    const children = rowsOf(field, `${key}.`)
    const { required, fallback } = unwrap(field)
    const absent = required ? 'required' : fallback === undefined ? 'optional' : ''
    return [{ key, value: 'a mapping', fallback: absent, meaning: describe(field) }, ...children]
  })
}

function rowOf(key: string, field: Schema): Row {
  const { required, fallback } = unwrap(field)
  const element = elementOf(field)
  const expects = element
    ? `a list; each: ${factsOf(element)?.expects}`
    : (factsOf(field)?.expects ?? 'reserved')
  const shown = Array.isArray(fallback) ? '`[]`' : `\`${fallback}\``
  const absent = required ? 'required' : isReserved(field) ? '' : fallback === undefined ? 'optional' : shown
  return { key, value: expects, fallback: absent, meaning: describe(field) }
}

function describe(schema: Schema): string {
  const description = z.globalRegistry.get(schema)?.description
  if (!description) throw new Error('a key of the schema has no description')
  return description
}

function keyTable(rows: Row[]): string {
  const cells = rows.map(({ key, value, fallback, meaning }) => [`\`${key}\``, value, fallback, meaning])
  return table(['key', 'value', 'default', 'meaning'], cells)
}

function memoryPage(): string {
  const { limits } = configSchema.pick({ limits: true }).parse({})
  const workers = 2
  const terms = memoryTerms(limits, workers)
  const mebibytes = (bytes: number) => formatSize(Math.ceil(bytes / 2 ** 20) * 2 ** 20)
  return `## What a node may hold in memory

With the defaults and ${workers} workers. The unread answers are a ceiling that nobody meets: it takes every
client to stop reading with a megabyte of answers due, and each is closed after \`limits.writeTimeout\`.

| held by | at most |
| --- | --- |
${terms.map(({ user, bytes }) => `| ${user} | ${mebibytes(bytes)} |`).join('\n')}
`
}

if (import.meta.main) {
  const docs = new URL('../docs/', import.meta.url)
  writeFileSync(new URL('config.md', docs), configPage())
  writeFileSync(new URL('config.schema.json', docs), configJsonSchema())
  writeFileSync(new URL('limits.md', docs), limitsPage())
}
