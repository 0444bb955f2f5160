import http from 'k6/http'
import { Producer, prepare, verify } from 'k6/x/sluice'

/** Not a load: sends ten records, lets somebody tamper with the topic meanwhile, and verifies. */
const brokers = __ENV.BROKERS!
const topics = ['t']

export const options = { iterations: 1, thresholds: { sluice_lost: ['count==0'] } }

export function setup(): void {
  prepare({ brokers, topics, partitions: 1 })
}

export default function send(): void {
  const producer = new Producer({ name: 'honest', brokers })
  producer.produceSync(Array.from({ length: 10 }, () => ({ topic: 't', bytes: 100 })))
  http.get(__ENV.TAMPER!, { timeout: '5m' })
}

export function teardown(): void {
  console.log(`verdict ${JSON.stringify(verify([{ brokers, topics }]))}`)
}
