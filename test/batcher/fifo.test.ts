import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fifo } from '#batcher/fifo.ts'

test('items leave in the order they came', () => {
  const fifo = new Fifo<number>()
  assert.equal(fifo.shift(), undefined)
  for (let i = 0; i < 500; i++) fifo.push(i)
  assert.equal(fifo.peek(), 0)
  for (let i = 0; i < 500; i++) {
    assert.equal(fifo.length, 500 - i)
    assert.equal(fifo.shift(), i)
  }
  assert.equal(fifo.length, 0)
  assert.equal(fifo.peek(), undefined)
})

test('it behaves as an array does, whatever comes', () => {
  const fifo = new Fifo<number>()
  const array: number[] = []
  let seed = 7
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fffffff) % below
  for (let step = 0; step < 20_000; step++) {
    const what = random(10)
    if (what < 4) {
      fifo.push(step)
      array.push(step)
    } else if (what < 8) assert.equal(fifo.shift(), array.shift())
    else if (what === 8) {
      fifo.unshift(-step)
      array.unshift(-step)
    } else {
      const item = array[random(array.length + 1)] ?? 1e9
      const at = array.indexOf(item)
      assert.equal(fifo.has(item), at >= 0)
      assert.equal(fifo.remove(item), at >= 0)
      if (at >= 0) array.splice(at, 1)
    }
    assert.equal(fifo.length, array.length)
    assert.equal(fifo.peek(), array[0])
    if (step % 100 === 0) assert.deepEqual([...fifo], array)
  }
})

test('clear forgets everything', () => {
  const fifo = new Fifo<string>()
  fifo.push('a')
  fifo.push('b')
  fifo.shift()
  fifo.clear()
  assert.deepEqual([...fifo], [])
  fifo.push('c')
  assert.equal(fifo.shift(), 'c')
})
