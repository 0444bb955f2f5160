import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** What the kernel says about a process: CPU time it has had, in s, and what it holds in memory, in bytes. */
export interface Usage {
  /** User and system time, its threads and the children it has waited for included. */
  cpu: number
  resident: number
}

/** The kernel's USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** The processes of each name: the root alone, and those below it. Their sum is the whole. */
export function usageOf(roots: Readonly<Record<string, readonly number[]>>): Record<string, Whole> {
  const entries = Object.entries(roots).map(([name, pids]) => [name, sum(pids.map(wholeOf))] as const)
  return Object.fromEntries(entries)
}

export interface Whole {
  root: Usage
  below: Usage
}

function wholeOf(pid: number): Whole {
  return { root: readUsage(pid), below: total(descendants(pid).map(readUsage)) }
}

function sum(wholes: readonly Whole[]): Whole {
  return { root: total(wholes.map(({ root }) => root)), below: total(wholes.map(({ below }) => below)) }
}

function total(usages: readonly Usage[]): Usage {
  return usages.reduce((a, b) => ({ cpu: a.cpu + b.cpu, resident: a.resident + b.resident }), {
    cpu: 0,
    resident: 0,
  })
}

function readUsage(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((ticks, field) => ticks + Number(field), 0)
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { cpu: ticks / TICKS_PER_SECOND, resident: Number(resident?.[1] ?? 0) * 1024 }
}

/** With all that they have started. */
export function processTree(pids: readonly number[]): number[] {
  return pids.flatMap((pid) => [pid, ...descendants(pid)])
}

function descendants(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) => childrenOf(pid, thread))
  return children.flatMap((child) => [child, ...descendants(child)])
}

function childrenOf(pid: number, thread: string): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
    return text.trim().split(' ').filter(Boolean).map(Number)
  } catch {
    // The thread has ended since it was listed.
    return []
  }
}

/** Lets the threads of this process sleep to the microsecond; the kernel's default is 50 µs late. */
export function sleepExactly(): void {
  for (const thread of readdirSync('/proc/self/task')) setSlack(thread)
}

function setSlack(thread: string): void {
  try {
    writeFileSync(`/proc/${thread}/timerslack_ns`, '1')
  } catch {
    // Not allowed: the generator's lateness, which is printed, will show it.
  }
}
