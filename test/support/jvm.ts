import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from '#test/support/processes.ts'

export const CACHE = join(import.meta.dirname, '../../.cache')

/** Small, and quick to start on few cores: these programs live for seconds. The JVM logs to stdout, if at all. */
const SMALL = [
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  '-Xshare:auto',
  '-Xlog:disable',
]

/** Arguments for `java` in front of the main class. @param heap such as `256m` */
export function jvmOptions(heap: string, classPath: string, more: string[] = []): string[] {
  return [...SMALL, `-Xmx${heap}`, ...more, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classPath]
}

/** All jars of a folder by name: an archive of loaded classes is only used for the very same list. */
export async function classPathOf(folder: string, ...more: string[]): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jar')).sort()
  return [...more, ...names.map((name) => join(folder, name))].join(':')
}

const compiling = new Map<string, Promise<string>>()

/** Compiles a single-file program into a jar, once per content of the file. @returns the jar */
export async function compile(source: string, classPath: string): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16)
  const jar = join(CACHE, 'java-classes', `${basename(source, '.java')}-${hash}.jar`)
  if (existsSync(jar)) return jar
  // Two logs may be read at once, and each needs the same program.
  let work = compiling.get(jar)
  if (!work) compiling.set(jar, (work = compileTo(jar, source, classPath)))
  return work
}

/** Another process may do the same at the same time: whoever is last replaces an equal jar. */
async function compileTo(jar: string, source: string, classPath: string): Promise<string> {
  const part = `${jar}.part-${process.pid}`
  const classes = `${part}.classes`
  await mkdir(classes, { recursive: true })
  await run('javac', ['-d', classes, '-Xlint:all', '-cp', classPath, source])
  await run('jar', ['--create', '--file', part, '-C', classes, '.'])
  await rename(part, jar)
  await rm(classes, { recursive: true })
  return jar
}

/**
 * Options that let a JVM map its classes from an archive instead of loading each: half the time to start.
 * As long as there is none, the JVM writes one at its end, to be kept if it ended well.
 */
export interface SharedClasses {
  options: string[]
  isNew: boolean
  keep(): Promise<void>
}

let parts = 0

export async function sharedClasses(name: string): Promise<SharedClasses> {
  const file = join(CACHE, 'java-classes', `${name}.jsa`)
  if (existsSync(file)) {
    return { options: [`-XX:SharedArchiveFile=${file}`], isNew: false, keep: async () => {} }
  }
  const part = `${file}.part-${process.pid}-${parts++}`
  await mkdir(join(CACHE, 'java-classes'), { recursive: true })
  // Others may do the same at the same time: one archive is as good as another, and none is only slower.
  const keep = (): Promise<void> => rename(part, file).catch(() => {})
  return { options: [`-XX:ArchiveClassesAtExit=${part}`], isNew: true, keep }
}
