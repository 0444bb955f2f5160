/** The clusters of the demo, and the topics on each; every topic begins with its cluster's prefix. */
export const DEMO = {
  clusters: ['eu', 'us', 'ap'],
  topicsPerCluster: 4,
  partitions: 4,
  /** Of each producer, by its topic. */
  batchesPerSecond: [10, 5, 3, 2],
  valueBytes: 150,
} as const
