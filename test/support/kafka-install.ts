import { existsSync } from 'node:fs'
import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CACHE, classPathOf, jvmOptions, sharedClasses } from '#test/support/jvm.ts'
import * as node from '#test/support/kafka-node.ts'
import { jars } from '#test/support/maven.ts'
import { freePorts } from '#test/support/ports.ts'
import { run, temporaryFolder } from '#test/support/processes.ts'

export type KafkaVersion = '3.9.2' | '4.3.1' | '4.4.0'

/** What all clusters of one version share, made once per machine and kept in `.cache/`. */
export interface Installed {
  /** Arguments of `java` up to the main class. */
  jvm: string[]
  /** A log folder as the storage tool formats it. */
  template: string
}

const installed = new Map<KafkaVersion, Promise<Installed>>()

export function install(version: KafkaVersion): Promise<Installed> {
  const made = installed.get(version) ?? prepare(version)
  installed.set(version, made)
  return made
}

async function prepare(version: KafkaVersion): Promise<Installed> {
  const folder = await jars(`kafka-${version}`, artifacts(version))
  const classPath = await classPathOf(folder)
  const template = join(CACHE, 'kafka', `${version}.formatted`)
  if (!existsSync(template)) await makeTemplate(classPath, template)
  let shared = await sharedClasses(`kafka-${version}`)
  if (shared.isNew) {
    await runOnce(jvmOptions('256m', classPath, shared.options), template)
    await shared.keep()
    shared = await sharedClasses(`kafka-${version}`)
  }
  return { jvm: jvmOptions('256m', classPath, shared.options), template }
}

function artifacts(version: KafkaVersion): string[] {
  // kafka_2.13 4.4.0 asks for a kafka-tools-api 4.4.0 that was never published.
  const tools = version === '4.4.0' ? '4.3.1' : version
  return [
    `org.apache.kafka:kafka_2.13:${version}`,
    `org.apache.kafka:kafka-tools:${tools} !org.slf4j:slf4j-reload4j`,
    `org.apache.kafka:kafka-tools-api:${tools}`,
    'org.slf4j:slf4j-simple:1.7.36',
  ]
}

async function makeTemplate(classPath: string, template: string): Promise<void> {
  const settings = await singleNode()
  await node.writeProperties(settings)
  const file = node.propertiesFile(settings.folder)
  const tool = [...jvmOptions('64m', classPath), 'kafka.tools.StorageTool']
  await run('java', [...tool, 'format', '-t', settings.clusterId, '-c', file])
  await mkdir(join(CACHE, 'kafka'), { recursive: true })
  const part = `${template}.part-${process.pid}`
  await cp(node.logFolder(settings.folder), part, { recursive: true })
  // Another process may have made it in the meantime; one is as good as the other.
  await rename(part, template).catch(() => rm(part, { recursive: true }))
  await rm(settings.folder, { recursive: true })
}

/** One short life of a broker. */
async function runOnce(jvm: string[], template: string): Promise<void> {
  const settings = await singleNode()
  await node.writeProperties(settings)
  await node.format(settings, template)
  const running = await node.launch(jvm, settings.folder)
  await node.waitUntilReady(running, settings, 1)
  await running.stop('SIGTERM', 120_000)
  await rm(settings.folder, { recursive: true })
}

async function singleNode(): Promise<node.NodeSettings> {
  const [client, controller] = await freePorts(2)
  const ports = [{ client: client!, controller: controller! }]
  return { id: 1, clusterId: node.newKafkaId(), folder: temporaryFolder(), ports, properties: {} }
}
