import { spawn } from 'node:child_process'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const FOLDER = join(import.meta.dirname, '../../.cache/jars')
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'

/**
 * Fetches Maven artifacts and all they need at run time into `.cache/jars/NAME`, once: later calls find them
 * there, as long as the coordinates stay the same. Several processes may call it at the same time.
 *
 * @param coordinates `group:artifact:version`, with what to leave out behind it:
 *   `org.apache.kafka:kafka-tools:3.9.2 !org.slf4j:slf4j-reload4j`. Naming an artifact pins its version, too.
 * @returns the folder; the class path is that folder plus `/*`
 */
export async function jars(name: string, coordinates: string[]): Promise<string> {
  const folder = join(FOLDER, name)
  const pom = pomOf(name, coordinates)
  await mkdir(FOLDER, { recursive: true })
  if (await isComplete(folder, pom)) return folder
  const unlock = await lock(`${folder}.lock`)
  try {
    if (!(await isComplete(folder, pom))) await fetchInto(folder, pom)
  } finally {
    await unlock()
  }
  return folder
}

function pomOf(name: string, coordinates: string[]): string {
  const own = `<groupId>sluice</groupId><artifactId>${name}</artifactId><version>1</version>`
  const entries = coordinates.map((line) => {
    const [wanted = '', ...without] = line.split(' ')
    const [group, artifact, version] = wanted.split(':')
    if (!version || without.some((each) => !each.startsWith('!'))) {
      throw new Error(`not group:artifact:version !group:artifact ...: "${line}"`)
    }
    const exclusions = without.map((each) => {
      const [fromGroup, fromArtifact] = each.slice(1).split(':')
      return `<exclusion><groupId>${fromGroup}</groupId><artifactId>${fromArtifact}</artifactId></exclusion>`
    })
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>
      <version>${version}</version><exclusions>${exclusions.join('')}</exclusions></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
    ${own}<dependencies>${entries.join('\n')}</dependencies></project>\n`
}

/** The pom lies with the jars: other coordinates under the same name mean another fetch. */
async function isComplete(folder: string, pom: string): Promise<boolean> {
  const found = await readFile(join(folder, 'pom.xml'), 'utf8').catch(() => '')
  return found === pom
}

async function fetchInto(folder: string, pom: string): Promise<void> {
  const part = `${folder}.part-${process.pid}`
  try {
    await mkdir(part)
    const file = join(part, 'pom.xml')
    await writeFile(file, pom)
    await maven(['-B', '-q', '-f', file, COPY, '-DincludeScope=runtime', `-DoutputDirectory=${part}`])
    await rm(folder, { recursive: true, force: true })
    await rename(part, folder)
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

function maven(args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (error) =>
      reject(new Error(`mvn does not start (is maven installed?): ${error.message}`)),
    )
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`mvn ended with ${code}:\n${output}`)),
    )
  })
}

/** A folder with the owner's pid in it: mkdir succeeds for one process only. A dead owner's is taken away. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await mkdir(path)
      await writeFile(join(path, 'pid'), String(process.pid))
      return () => rm(path, { recursive: true, force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (await isAbandoned(path)) await rm(path, { recursive: true, force: true })
    else await sleep(200)
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const pid = Number(await readFile(join(path, 'pid'), 'utf8').catch(() => ''))
  if (pid) return !isAlive(pid)
  const made = await stat(path).catch(() => null)
  return made !== null && Date.now() - made.mtimeMs > 10_000
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
