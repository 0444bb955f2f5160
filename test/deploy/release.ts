import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, temporaryFolder } from '#test/support/processes.ts'

export const ROOT = join(import.meta.dirname, '../..')

/** What `npm run package` made. */
export interface Release {
  version: string
  /** Of the tarball; all of it lies below a folder of this name. */
  name: string
  /** Path of the tarball. */
  file: string
  /** As the .sha256 file beside it says. */
  sha256: string
}

/** @throws if `npm run package` has not been run */
export function builtRelease(): Release {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const name = `sluice-${version}-linux-x64`
  const file = join(ROOT, 'dist', `${name}.tar.gz`)
  if (!existsSync(file)) throw new Error(`${file} is missing: npm run package`)
  const [sha256] = readFileSync(`${file}.sha256`, 'utf8').split(' ')
  return { version, name, file, sha256: sha256! }
}

/** @returns the folder of the release, unpacked below a temporary folder */
export async function unpack({ file, name }: Release): Promise<string> {
  const folder = temporaryFolder('sluice-release-')
  await run('tar', ['--extract', '--gzip', `--directory=${folder}`, `--file=${file}`])
  return join(folder, name)
}
