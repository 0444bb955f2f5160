import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '#test/deploy/release.ts'
import { start, temporaryFolder } from '#test/support/processes.ts'

const MIRROR_CONFIG = join(ROOT, '.cache/terraform/terraformrc')
const MODULES = join(ROOT, 'infra/terraform/modules')
const EXAMPLES = join(ROOT, 'infra/terraform/examples')

/** For `skip`: why the Terraform modules cannot be tested on this machine; false where they can. */
export const noTerraform: string | false =
  spawnSync('terraform', ['version']).status === 0
    ? false
    : 'NOT TESTED: terraform is not installed (1.9 or newer, from its makers: Debian has no package)'

/** Folders below infra/terraform. */
export const modules = readdirSync(MODULES).map((name) => `modules/${name}`)
export const examples = readdirSync(EXAMPLES).map((name) => `examples/${name}`)

/** A copy of infra/, so that Terraform leaves nothing behind in the repository. @returns its infra/terraform */
export function terraformCopy(): string {
  const folder = temporaryFolder('sluice-terraform-')
  cpSync(join(ROOT, 'infra'), join(folder, 'infra'), { recursive: true })
  return join(folder, 'infra/terraform')
}

/**
 * Runs terraform in a folder, with the provider from our own mirror.
 *
 * @param input for `console`: the expression
 * @throws with its output if it ends with anything but 0
 */
export async function terraform(folder: string, args: string[], input = ''): Promise<string> {
  if (!existsSync(MIRROR_CONFIG)) throw new Error(`${MIRROR_CONFIG} is missing: bin/setup deploy`)
  const env = { TF_CLI_CONFIG_FILE: MIRROR_CONFIG, TF_IN_AUTOMATION: '1' }
  const running = await start('terraform', args, { cwd: folder, env, input })
  const { code } = await running.exited
  if (code !== 0) throw new Error(`terraform ${args.join(' ')} in ${folder}:\n${running.output()}`)
  return running.output()
}

/** What an expression is in a root module, with these values of its variables. */
export async function evaluate<T>(folder: string, expression: string, variables: object): Promise<T> {
  const values = Object.entries(variables).flatMap(([name, value]) => [
    '-var',
    `${name}=${JSON.stringify(value)}`,
  ])
  // Base64 has nothing that the console would escape.
  const output = await terraform(folder, ['console', ...values], `base64encode(jsonencode(${expression}))`)
  const [, encoded] = /^"([\w+/=]+)"$/m.exec(output) ?? []
  if (!encoded) throw new Error(`${expression}: ${output}`)
  return JSON.parse(Buffer.from(encoded, 'base64').toString())
}
