/** The clusters of the demo, and the topics on each; every topic begins with its cluster's prefix. */
export const DEMO = {
  clusters: ['eu', 'us', 'ap'],
  topicsPerCluster: 4,
  partitions: 4,
  batchesPerSecond: 5,
  valueBytes: 150,
} as const
