import assert from 'node:assert/strict'
import { Session } from 'node:inspector/promises'
import { test } from 'node:test'
import type { Request } from '#gateway/request.ts'
import { ResponseOrder } from '#gateway/response-order.ts'

class Asked {
  outcome: Request['outcome'] = 'open'
  readonly name: string
  readonly body = Buffer.alloc(0)

  constructor(name: string) {
    this.name = name
  }
}

function namesOf(responses: ResponseOrder): string {
  let names = ''
  for (let one = responses.takeDone(); one; one = responses.takeDone())
    names += (one as unknown as Asked).name
  return names
}

function order(names: string) {
  const requests = [...names].map((name) => new Asked(name))
  const responses = new ResponseOrder()
  for (const request of requests) responses.push(request as unknown as Request)
  const taken = () => namesOf(responses)
  const done = (name: string, outcome: Asked['outcome'] = 'answered') => {
    requests.find((request) => request.name === name)!.outcome = outcome
  }
  return { responses, taken, done }
}

test('answers leave in the order of the requests, whatever the order in which they get ready', () => {
  const { responses, taken, done } = order('abcd')
  assert.equal(taken(), '')
  done('c')
  done('b')
  assert.equal(taken(), '')
  assert.equal(responses.length, 4)
  done('a')
  assert.equal(taken(), 'abc')
  assert.equal(responses.length, 1)
  assert.equal(taken(), '')
  done('d')
  assert.equal(taken(), 'd')
  assert.equal(responses.length, 0)
})

test('silent ones and those that close take their turn too', () => {
  const { taken, done } = order('abc')
  done('c', 'close')
  done('b', 'silent')
  assert.equal(taken(), '')
  done('a')
  assert.equal(taken(), 'abc')
})

test('thousands may come and go while one is always open', () => {
  const responses = new ResponseOrder()
  let last = new Asked('0')
  responses.push(last as unknown as Request)
  for (let i = 1; i < 5000; i++) {
    const next = new Asked(String(i))
    responses.push(next as unknown as Request)
    last.outcome = 'answered'
    assert.equal(namesOf(responses), String(i - 1))
    last = next
  }
  assert.equal(responses.length, 1)
})

test('what was taken is not kept alive, though the queue is never empty', async () => {
  const responses = new ResponseOrder()
  const gone: WeakRef<Asked>[] = []
  const open = new Asked('open')
  const fill = () => {
    for (let i = 0; i < 100; i++) {
      const request = new Asked(String(i))
      request.outcome = 'answered'
      gone.push(new WeakRef(request))
      responses.push(request as unknown as Request)
    }
    responses.push(open as unknown as Request)
    for (let i = 0; i < 100; i++) responses.takeDone()
    assert.equal(responses.isHeadDone, false)
  }
  fill()
  await collectGarbage()
  const alive = gone.filter((ref) => ref.deref() !== undefined).length
  assert.ok(alive <= 5, `${alive} of 100 are alive`)
  assert.equal(responses.length, 1)
})

/** The collector is asked for through the inspector, so that the test needs no flag. */
async function collectGarbage(): Promise<void> {
  const session = new Session()
  session.connect()
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    await session.post('HeapProfiler.collectGarbage')
  }
  session.disconnect()
}
