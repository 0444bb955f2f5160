import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Which versions of the clients run: each where it is pinned. */

const ROOT = new URL('../../', import.meta.url)

export function pypi(name: string): string {
  return find(`test/support/python/requirements.txt`, new RegExp(`^${name}==(.*)$`, 'm'))
}

export function goModule(path: string): string {
  return find('test/support/go/go.mod', new RegExp(`\\s${path} v(\\S+)`))
}

export function npm(name: string): string {
  return find('package.json', new RegExp(`"${name}": "([^"]+)"`))
}

/** Such as `1.7.1 (librdkafka 2.0.2)`: what the system has. */
export function kcat(): string {
  const text = execFileSync('kcat', ['-V'], { encoding: 'utf8' })
  const [, version, library] = text.match(/^Version (\S+) .*\b(librdkafka \S+)/m) ?? []
  return `${version} (${library})`
}

function find(file: string, pattern: RegExp): string {
  const found = readFileSync(new URL(file, ROOT), 'utf8').match(pattern)
  if (!found) throw new Error(`${file} has nothing like ${pattern}`)
  return found[1]!
}
