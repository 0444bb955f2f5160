import { check, fail, sleep } from 'k6'
import http from 'k6/http'
import { Trend } from 'k6/metrics'
import { Producer, raise } from 'k6/x/sluice'
import { report, TROUBLE_OVER } from './load.ts'
import { target } from './target.ts'

const AFTERMATH_SECONDS = 3

/** From the call until a producer that has only just started is acknowledged, in ms. */
const recovery = new Trend('sluice_recovery_time', true)

/** Lets something happen under load: producers stay until it is over, and a little longer. */
export function underLoad(work: () => void): void {
  let done = false
  try {
    work()
    sleep(AFTERMATH_SECONDS)
    done = true
  } finally {
    check(done, { 'all that was to happen has happened': (is) => is })
    raise(TROUBLE_OVER)
  }
}

/** Has the local stage do something, and returns when it is done. */
export function order(what: string): void {
  const answer = http.post(`${target.control}/${what}`, null, { timeout: '10m', tags: { name: what } })
  const done = check(answer, { [`${what} is done`]: ({ status }) => status === 200 })
  if (!done) fail(`${what}: ${answer.body || answer.error}`)
}

/** A new client comes now. @param name of its producer, of which there must be no other */
export function measureRecovery(name: string, topic: string): void {
  const { door } = target.clusters.find((cluster) => cluster.topic === topic)!
  const start = Date.now()
  const acks = new Producer({ name, brokers: door }).produceSync([{ topic, bytes: 100 }])
  report(acks)
  if (acks.every(({ error }) => error === '')) recovery.add(Date.now() - start)
}
