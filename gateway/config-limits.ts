import { z } from 'zod'
import { duration, integer, size } from '#gateway/config-values.ts'

/**
 * Every limit, its default, its range, who enforces it and why. Sizes are bytes and durations milliseconds in
 * the parsed value. What is not here is fixed on purpose: tagged fields per request (protocol), 64 KiB
 * reserved on a frame header, reading paused at 80 % and accepting at 95 % of `memory` (batcher/admission).
 */
export const limitsSchema = z
  .strictObject({
    memory: size('16MiB', '1TiB')
      .prefault('512MiB')
      .describe(
        'Bytes that batches and unfinished frames may hold, per node, divided evenly among its ' +
          'workers. At 80 % clients are no longer read, largest holder first; at 95 % new connections ' +
          'wait. Unfinished frames may hold a quarter of it, so each worker needs 4 × `maxFrameBytes`.',
      ),
    maxFrameBytes: size('64KiB', '100MiB')
      .prefault('16MiB')
      .describe(
        'Largest request of a client; a larger or negative length closes the connection. Brokers take ' +
          'at most 100 MiB (socket.request.max.bytes).',
      ),
    firstFrameBytes: size('1KiB', '100MiB')
      .prefault('64KiB')
      .describe(
        'Largest first request of a connection, unless it is a Produce: it stops other protocols and ' +
          'declared lengths that never come. Produce is exempt because kafkajs and @platformatic/kafka ' +
          'begin all but their first connection with it.',
      ),
    largeFrames: integer(1, 1024)
      .prefault(8)
      .describe(
        'Frames over 1 MiB that may be in reading at once, per node, divided among its workers (each ' +
          'has at least one). The others wait unread.',
      ),
    maxConnections: integer(1, 1_000_000)
      .prefault(10_000)
      .describe(
        'Client connections per node. More are closed at once; in a burst each of its workers may let in so ' +
          'many before it knows of the others. The open-files limit must be higher.',
      ),
    maxConnectionsPerAddress: integer(0, 1_000_000)
      .prefault(0)
      .describe(
        'Client connections per client address and node; 0 is no limit. Behind a load balancer it needs ' +
          '`proxyProtocol: required`, else all clients share one address. The workers tell each other ' +
          'once a second; until then each counts for itself.',
      ),
    maxAckWait: duration('1s', '10m')
      .prefault('20s')
      .describe(
        'Longest time from the arrival of a Produce to its answer; never more than 0.7 × the timeout ' +
          'in the request, so that the answer comes before the client hangs up.',
      ),
    connectionMaxAge: duration('1s', '7d')
      .prefault('1h')
      .describe(
        'Connections are closed at this age ± 10 %, at a frame boundary with everything answered, so ' +
          'that new nodes and new routes get their clients. A removed cluster keeps its port open for as ' +
          'long.',
      ),
    pipelined: integer(1, 10_000)
      .prefault(128)
      .describe(
        'Unanswered requests of one connection before it is no longer read; TCP then makes the client ' +
          'wait and fill its batches (librdkafka sends without limit otherwise).',
      ),
    pipelinedBytes: size('64KiB', '1GiB')
      .prefault('8MiB')
      .describe('The same in bytes. One request always fits, however large.'),
    firstRequestTimeout: duration('100ms', '10m')
      .prefault('10s')
      .describe('From accepting a connection to its first whole request.'),
    frameTimeout: duration('100ms', '10m')
      .prefault('30s')
      .describe('From the first byte of a request to its last: closes clients that send byte by byte.'),
    idleTimeout: duration('1s', '7d')
      .prefault('10m')
      .describe(
        'A connection with nothing to answer and nothing arriving is closed. Below 10m the gateway ' +
          'hangs up before its clients do (Java after 9 min), which they log as an error.',
      ),
    outputBytes: size('64KiB', '1GiB')
      .prefault('1MiB')
      .describe('Answers that wait for a client to read them, per connection; beyond it, no more is read.'),
    writeTimeout: duration('100ms', '10m')
      .prefault('30s')
      .describe('A client that takes none of its waiting answers for this long is closed.'),
    keepAlive: duration('1s', '1h')
      .prefault('60s')
      .describe(
        'TCP keep-alive of client connections: finds peers that went without a word, and keeps entries of ' +
          'load balancers alive (the shortest common limit is 4 min).',
      ),
    unknownTopicsPerSecond: integer(1, 10_000)
      .prefault(50)
      .describe('Questions per second and cluster about topics that the shared map does not know.'),
  })
  .prefault({})
  .describe(
    'What a node allows its clients. Can be reloaded; `maxFrameBytes`, `connectionMaxAge` and `keepAlive` ' +
      'then hold for new connections.',
  )

export type Limits = z.output<typeof limitsSchema>

/** A frame as large as allowed must fit into the quarter that unfinished frames may hold. */
export const FRAME_SHARE = 4

/** Bytes of `limits.memory` that one worker needs to be able to read any allowed frame. */
export function memoryPerWorker(maxFrameBytes: number): number {
  return FRAME_SHARE * maxFrameBytes
}

/** Measured: 10,000 idle accepted connections took 35 MB (3.4 KiB each), an empty Node process 48 MB. */
const CONNECTION_BYTES = 3_482
const PROCESS_BYTES = 48 * 2 ** 20

/** What a node may hold at the very worst, in bytes, each term with its user. */
export function memoryTerms(limits: Limits, workers: number): { user: string; bytes: number }[] {
  return [
    { user: 'batches and unfinished frames (memory)', bytes: limits.memory },
    { user: 'open connections (maxConnections × 3.4 KiB)', bytes: limits.maxConnections * CONNECTION_BYTES },
    {
      user: 'unread answers, if every client stopped reading at once (maxConnections × outputBytes)',
      bytes: limits.maxConnections * limits.outputBytes,
    },
    { user: 'processes (workers and control, 48 MiB each)', bytes: (workers + 1) * PROCESS_BYTES },
  ]
}
