import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ROOT } from '#test/deploy/release.ts'
import { examples, modules, noTerraform, terraform, terraformCopy } from '#test/deploy/terraform.ts'
import { run } from '#test/support/processes.ts'

const TERRAFORM = join(ROOT, 'infra/terraform')
const read = (...path: string[]) => readFileSync(join(TERRAFORM, ...path), 'utf8')

/** Blocks such as `variable "name" { ... }` of a formatted file. */
function blocks(text: string, kind: string): { name: string; body: string }[] {
  const found = text.matchAll(new RegExp(`^${kind} "(\\w+)" \\{\\n(.*?)^\\}`, 'gms'))
  return [...found].map(([, name, body]) => ({ name: name!, body: body! }))
}

/** The value of an attribute in one line; undefined if there is none. */
function attribute(body: string, name: string): string | undefined {
  return new RegExp(`^  ${name} += (.*)$`, 'm').exec(body)?.[1]
}

function description(body: string): string {
  return JSON.parse(attribute(body, 'description')!)
}

describe('what needs no terraform', () => {
  for (const module of modules) {
    test(`${module}: README lists the inputs and outputs as they are`, () => {
      const inputs = blocks(read(module, 'variables.tf'), 'variable').map(({ name, body }) => {
        const fallback = attribute(body, 'default')
        const type = attribute(body, 'type')!.replace(/^((?:\w+\()*object)\(\{$/, '$1')
        const closed = type + ')'.repeat(type.split('(').length - type.split(')').length)
        return `| \`${name}\` | ${closed} | ${fallback ? `\`${fallback}\`` : 'required'} | ${description(body)} |`
      })
      const outputs = blocks(read(module, 'outputs.tf'), 'output').map(
        ({ name, body }) => `| \`${name}\` | ${description(body)} |`,
      )
      assert.ok(inputs.length > 5 && outputs.length > 3)
      const [, tables] = read(module, 'README.md').split('## Inputs')
      const rows = tables!.split('\n').filter((line) => line.startsWith('| `'))
      assert.deepEqual(rows, [...inputs, ...outputs])
    })

    test(`${module}: there is a refusal for every validation`, () => {
      const refusals = blocks(read(module, 'tests/refusals.tftest.hcl'), 'run')
      for (const { name, body } of blocks(read(module, 'variables.tf'), 'variable')) {
        const validations = body.split('  validation {').length - 1
        const tried = refusals.filter(({ body }) => body.includes(`expect_failures = [var.${name}]`))
        assert.ok(
          tried.length >= validations,
          `${name}: ${validations} validations, ${tried.length} refusals`,
        )
      }
    })
  }

  test('nothing is open to the whole internet', async () => {
    const lines = await run('grep', ['-rnE', '(0\\.0\\.0\\.0|::)/0', TERRAFORM])
    const refused = /(tests\/refusals\.tftest\.hcl|README\.md):/
    assert.deepEqual(
      lines
        .trim()
        .split('\n')
        .filter((line) => !refused.test(line)),
      [],
    )
  })
})

describe('terraform', { skip: noTerraform }, () => {
  test('fmt', async () => {
    await terraform(TERRAFORM, ['fmt', '-check', '-diff', '-recursive'])
  })

  for (const folder of [...modules, ...examples]) {
    test(`${folder}: validate and test, with the real provider's schema`, async () => {
      const copy = join(terraformCopy(), folder)
      await terraform(copy, ['init', '-input=false', '-no-color'])
      await terraform(copy, ['validate', '-no-color'])
      const output = await terraform(copy, ['test', '-no-color'])
      assert.match(output, /Success! [1-9]\d* passed, 0 failed\./)
    })
  }
})
