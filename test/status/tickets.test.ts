import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TICKET_MS, Tickets } from '#status/tickets.ts'

test('a ticket opens once', () => {
  const tickets = new Tickets(() => 0)
  const ticket = tickets.issue('10.0.0.1')
  assert.ok(tickets.redeem(ticket, '10.0.0.1'))
  assert.ok(!tickets.redeem(ticket, '10.0.0.1'))
  assert.ok(!tickets.redeem('', '10.0.0.1'))
})

test('a ticket opens for 30 s', () => {
  let now = 0
  const tickets = new Tickets(() => now)
  const [one, other] = [tickets.issue('a'), tickets.issue('a')]
  now = TICKET_MS - 1
  assert.ok(tickets.redeem(one, 'a'))
  now = TICKET_MS
  assert.ok(!tickets.redeem(other, 'a'))
})

test('a ticket opens for its address alone, and is void once another has tried', () => {
  const tickets = new Tickets(() => 0)
  const ticket = tickets.issue('10.0.0.1')
  assert.ok(!tickets.redeem(ticket, '10.0.0.2'))
  assert.ok(!tickets.redeem(ticket, '10.0.0.1'))
})

test('loopback is one address, however it is written', () => {
  const tickets = new Tickets(() => 0)
  assert.ok(tickets.redeem(tickets.issue('::1'), '127.0.0.1'))
  assert.ok(tickets.redeem(tickets.issue('::ffff:127.0.0.1'), '::1'))
  assert.ok(tickets.redeem(tickets.issue('::ffff:10.0.0.1'), '10.0.0.1'))
  assert.ok(!tickets.redeem(tickets.issue('127.0.0.1'), '10.0.0.1'))
})

test('tickets cannot be guessed from each other, and no more than 1,000 are kept', () => {
  const tickets = new Tickets(() => 0)
  const issued = Array.from({ length: 1001 }, () => tickets.issue('a'))
  assert.equal(new Set(issued).size, 1001)
  for (const ticket of issued) assert.match(ticket, /^[\w-]{32}$/)
  assert.ok(!tickets.redeem(issued[0]!, 'a'))
  assert.ok(tickets.redeem(issued[1]!, 'a'))
  assert.ok(tickets.redeem(issued.at(-1)!, 'a'))
})
