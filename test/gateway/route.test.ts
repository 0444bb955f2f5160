import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RouteTable } from '#gateway/route.ts'

const table = new RouteTable([
  { match: 'default', cluster: 'rest' },
  { match: { prefix: 'orders.' }, cluster: 'eu' },
  { match: { prefix: 'orders.us.' }, cluster: 'us' },
  { match: { prefix: 'o' }, cluster: 'short' },
  { match: { topic: 'orders.us.audit' }, cluster: 'audit' },
  { match: { prefix: 'orders.us.audit' }, cluster: 'never' },
])

test('an exact topic goes before any prefix', () => {
  assert.equal(table.find('orders.us.audit'), 'audit')
  assert.equal(table.explain('orders.us.audit'), 'topic orders.us.audit')
})

test('the longest prefix wins, whatever the order in the file', () => {
  assert.equal(table.find('orders.us.1'), 'us')
  assert.equal(table.find('orders.eu.1'), 'eu')
  assert.equal(table.find('other'), 'short')
  assert.equal(table.find('orders.us.audit2'), 'never')
  assert.equal(table.explain('orders.us.1'), 'prefix orders.us.')
})

test('a prefix matches its own name', () => {
  assert.equal(table.find('orders.'), 'eu')
  assert.equal(table.find('o'), 'short')
  assert.equal(table.find('orders'), 'short', 'one character is missing')
})

test('what nothing matches goes to the default', () => {
  assert.equal(table.find('payments'), 'rest')
  assert.equal(table.find('Orders.us.1'), 'rest', 'names are case-sensitive')
  assert.equal(table.find(''), 'rest')
  assert.equal(table.explain('payments'), 'default')
})

test('without a default it has no route', () => {
  const strict = new RouteTable([{ match: { topic: 'a' }, cluster: 'eu' }])
  assert.equal(strict.find('a'), 'eu')
  assert.equal(strict.find('aa'), null)
  assert.equal(strict.explain('aa'), 'none')
  assert.equal(new RouteTable([]).find('a'), null)
})

test('names of object properties are names like others', () => {
  assert.equal(table.find('__proto__'), 'rest')
  assert.equal(new RouteTable([]).find('constructor'), null)
})
