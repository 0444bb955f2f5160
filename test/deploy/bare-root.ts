import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Running, run, start, temporaryFolder } from '#test/support/processes.ts'

/** All programs that bin/sluice asks for: Essential on Debian, so they are on the barest one. */
const PROGRAMS = ['/bin/sh', '/usr/bin/readlink', '/usr/bin/dirname', '/bin/mkdir']

/** Namespaces of our own, so that nothing that is mounted stays. $1 is the root, the rest runs in it. */
const ENTER = `
mount --rbind /proc "$1/proc"
mount --rbind /dev "$1/dev"
exec env -i PATH=/bin "$(command -v chroot)" "$@"`

/**
 * A root folder with nothing in it but a shell, the few programs that bin/sluice calls, the libraries that these
 * and the release link to, and the release as /opt/sluice.
 */
export class BareRoot {
  readonly folder: string
  /** Names of the libraries that had to be there. */
  readonly libraries: readonly string[]

  /** @param release an unpacked release, which is moved here */
  static async around(release: string): Promise<BareRoot> {
    const folder = temporaryFolder('sluice-root-')
    for (const each of ['bin', 'proc', 'dev', 'etc', 'tmp', 'opt']) mkdirSync(join(folder, each))
    const native = (await run('find', [release, '-name', '*.node'])).trim().split('\n')
    const libraries = await librariesOf([...PROGRAMS, join(release, 'runtime/bin/node'), ...native])
    for (const program of PROGRAMS) await run('cp', ['-L', program, join(folder, 'bin')])
    await run('cp', ['-L', '--parents', ...libraries, folder])
    await run('mv', [release, join(folder, 'opt')])
    symlinkSync(basename(release), join(folder, 'opt/sluice'))
    return new BareRoot(folder, libraries.map((path) => basename(path)).sort())
  }

  private constructor(folder: string, libraries: string[]) {
    this.folder = folder
    this.libraries = libraries
  }

  /** @param path inside of the root */
  write(path: string, text: string): void {
    writeFileSync(join(this.folder, path), text)
  }

  /** Starts a command inside. Its pid is that of the command itself, so signals reach it. */
  start(command: string[]): Promise<Running> {
    return start('unshare', [
      ...['--map-root-user', '--mount', 'sh', '-ec', ENTER, 'enter', this.folder],
      ...command,
    ])
  }
}

/** Paths of the libraries that these files are linked to, the loader among them. */
async function librariesOf(files: string[]): Promise<string[]> {
  const found = new Set<string>()
  for (const file of files) {
    for (const [, path] of (await run('ldd', [file])).matchAll(/(\/\S+) \(0x/g)) found.add(path!)
  }
  return [...found]
}
