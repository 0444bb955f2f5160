/**
 * Why a client connection ends. Each reason has a counter, and is the label in metrics and logs.
 *
 * `quiet` reasons are everyday life and logged at debug level only.
 */
export const CLOSE_REASONS = {
  client_closed: { quiet: true, text: 'the client closed the connection' },
  client_reset: { quiet: true, text: 'the connection was cut' },
  drain: { quiet: true, text: 'the node drains' },
  drain_timeout: { quiet: false, text: 'drain.timeout was reached before everything was answered' },
  max_age: { quiet: true, text: 'limits.connectionMaxAge is reached' },
  idle: { quiet: true, text: 'nothing was heard for limits.idleTimeout' },
  stopped: { quiet: true, text: 'the node stops' },
  produce_failed: { quiet: false, text: 'an acks=0 batch failed, which a broker tells by closing' },
  too_many_connections: { quiet: false, text: 'limits.maxConnections is reached' },
  too_many_from_address: { quiet: false, text: 'limits.maxConnectionsPerAddress is reached' },
  bad_proxy_header: { quiet: false, text: 'the PROXY protocol header is missing or wrong' },
  bad_frame: { quiet: false, text: 'the frame length is not allowed (limits.maxFrameBytes)' },
  bad_first_frame: { quiet: false, text: 'the first request is over limits.firstFrameBytes' },
  bad_request: { quiet: false, text: 'the request does not follow the protocol' },
  unsupported_api: { quiet: false, text: 'the API is not served' },
  unsupported_version: { quiet: false, text: 'the API version is not served' },
  first_request_timeout: { quiet: false, text: 'no whole request within limits.firstRequestTimeout' },
  frame_timeout: { quiet: false, text: 'a request was not whole within limits.frameTimeout' },
  frame_evicted: {
    quiet: false,
    text: 'unfinished requests hold a quarter of limits.memory; this was the slowest',
  },
  write_timeout: { quiet: false, text: 'the client reads no answers (limits.writeTimeout)' },
  internal_error: { quiet: false, text: 'an error inside Sluice' },
} as const

export type CloseReason = keyof typeof CLOSE_REASONS
