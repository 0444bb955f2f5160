import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { MUTATIONS, type Mutation } from '#test/simulation/mutations.ts'

const ROOT = resolve(import.meta.dirname, '../..')
/** What the simulation needs of the tree. */
const PARTS = ['package.json', 'batcher', 'protocol', 'test/simulation']

let folder = ''

/** A tree of its own for one mutation; the dependencies are those of the real one. */
function plant({ file, find, replace }: Mutation, number: number): string {
  const tree = join(folder, String(number))
  for (const part of PARTS) cpSync(join(ROOT, part), join(tree, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const path = join(tree, file)
  const text = readFileSync(path, 'utf8')
  const times = text.split(find).length - 1
  assert.equal(times, 1, `${file} has ${times} times: ${find}`)
  writeFileSync(
    path,
    text.replace(find, () => replace),
  )
  return tree
}

interface Ended {
  code: number
  output: string
}

function simulate(tree: string, args: string[]): Promise<Ended> {
  const program = ['test/simulation/simulate.ts', ...args]
  return new Promise((done) => {
    execFile(process.execPath, program, { cwd: tree, timeout: 300_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      done({ code, output: stdout + stderr })
    })
  })
}

describe('the simulation notices', { concurrency: 2 }, () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-mutations-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  MUTATIONS.forEach((mutation, number) => {
    test(mutation.name, async () => {
      const tree = plant(mutation, number)
      const { by } = mutation
      const args =
        'scenario' in by ? ['--scenario', by.scenario] : ['--seeds', String(by.seeds), '--failures', '1']
      const { code, output } = await simulate(tree, args)
      rmSync(tree, { recursive: true, force: true })
      assert.equal(code, 1, `nothing was noticed, or it did not run:\n${output.slice(-2000)}`)
      assert.match(output, 'scenario' in by ? /^FAILS/m : /^seed \d+: /m)
    })
  })
})
