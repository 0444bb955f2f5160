/**
 * What V8 is told in a worker. First its own defaults again, which bin/sluice has changed for the control process.
 *
 * Batches lie outside of V8's heap but count against its limit. With less than 36 MB it was collected whole each second
 * under 30 MB/s of large batches; with much more the connections of thousands of producers that come and go would fill
 * it, and so they would if V8 let it grow as far as it likes between two such collections.
 *
 * V8 puts objects that often live through a collection into the old generation at once. Dead batches there
 * kept alive all that they point to, 2 KB for each batch, and a tenth of the time went into moving it.
 */
export const WORKER_FLAGS = [
  ...process.execArgv,
  '--no-optimize-for-size',
  '--opt',
  '--maglev',
  '--initial-heap-size=36',
  '--heap-growing-percent=30',
  '--max-semi-space-size=2',
  '--no-allocation-site-pretenuring',
]
