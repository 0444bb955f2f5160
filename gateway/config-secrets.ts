import { readFileSync } from 'node:fs'
import type { Config } from '#gateway/config-schema.ts'

const MAX_SECRET_BYTES = 64 * 1024

/**
 * The content of a `*File`, without the line end that editors add.
 *
 * @throws Error that names the file, if it cannot be read, is empty, or is far too large for a secret
 */
export function readSecret(file: string): string {
  let secret: string
  try {
    secret = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new Error(`secret ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
  if (secret === '') throw new Error(`secret ${file} is empty`)
  if (secret.length > MAX_SECRET_BYTES) throw new Error(`secret ${file} is larger than 64 KiB: not a secret`)
  return secret
}

/** What `run` would stumble over: secret files that cannot be used on this machine, in words. */
export function unusableSecrets({ fleet, admin }: Config): string[] {
  const unusable: string[] = []
  for (const file of [fleet?.redis.passwordFile, admin.auth?.tokenFile]) {
    if (file === undefined) continue
    try {
      readSecret(file)
    } catch (error) {
      unusable.push((error as Error).message)
    }
  }
  return unusable
}
