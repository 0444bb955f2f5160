import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from '#test/support/processes.ts'

export const CACHE = join(import.meta.dirname, '../../.cache')

/** Small, and quick to start on few cores: these programs live for seconds. */
const SMALL = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData', '-Xshare:auto']

/** Arguments for `java` in front of the main class. @param heap such as `256m` */
export function jvmOptions(heap: string, classPath: string, more: string[] = []): string[] {
  return [...SMALL, `-Xmx${heap}`, ...more, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classPath]
}

/** All jars of a folder by name: an archive of loaded classes is only used for the very same list. */
export async function classPathOf(folder: string, ...more: string[]): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jar')).sort()
  return [...more, ...names.map((name) => join(folder, name))].join(':')
}

/** Compiles a single-file program into a jar, once per content of the file. @returns the jar */
export async function compile(source: string, classPath: string): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16)
  const jar = join(CACHE, 'java-classes', `${basename(source, '.java')}-${hash}.jar`)
  if (existsSync(jar)) return jar
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
 *
 * @param record runs the program once with the given options and ends it cleanly: that writes the archive
 */
export async function sharedClasses(
  name: string,
  record: (options: string[]) => Promise<void>,
): Promise<string[]> {
  const file = join(CACHE, 'java-classes', `${name}.jsa`)
  if (!existsSync(file)) {
    const part = `${file}.part-${process.pid}`
    await mkdir(join(CACHE, 'java-classes'), { recursive: true })
    await record([`-XX:ArchiveClassesAtExit=${part}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off'])
    await rename(part, file)
  }
  return [`-XX:SharedArchiveFile=${file}`]
}
