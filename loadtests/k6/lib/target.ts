/** What a run is aimed at, as `TARGET` says in JSON; `npm run loadtest` writes it. */
export interface Target {
  scenario: string
  profile: ProfileName
  /** The load alone, straight to the clusters: the baseline. */
  direct: boolean
  /** Something happens to the gateway under load: the script's function `trouble`. */
  trouble: boolean
  clusters: TargetCluster[]
  /** Of the local stage, where orders such as `kill-node/gw-2` are posted; null: nothing can be broken. */
  control: string | null
  /** Admin addresses of nodes, for the stream. */
  admin: string[]
  /** Folder for the summary. */
  results: string
}

export interface TargetCluster {
  /** Where producers connect. */
  door: string
  /** The cluster's own brokers: topics are made and read back there. */
  upstream: string
  topic: string
}

export type ProfileName = 'smoke' | 'average' | 'stress' | 'soak'

if (!__ENV.TARGET) throw new Error('TARGET is missing: start with npm run loadtest -- SCENARIO PROFILE')

export const target: Target = JSON.parse(__ENV.TARGET)
