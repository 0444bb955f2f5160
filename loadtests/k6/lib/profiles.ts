import type { ProfileName } from './target.ts'

/** Times in seconds. A virtual user is a producer of one send a second. */
export interface Profile {
  producers: number
  /** They come one by one over this time, */
  rise: number
  /** all stay at least so long, and for as long as something happens to the gateway, */
  hold: number
  /** and leave one by one. */
  fall: number
  /** Beside the producers, in dashboard-ws. */
  sockets: number
  /** Thresholds on times hold. Not in smoke, which shows that things work, on whatever machine. */
  timed: boolean
}

export const PROFILES: Record<ProfileName, Profile> = {
  smoke: { producers: 20, rise: 2, hold: 18, fall: 0, sockets: 5, timed: false },
  average: { producers: 150, rise: 10, hold: 75, fall: 10, sockets: 20, timed: true },
  stress: { producers: 600, rise: 120, hold: 180, fall: 20, sockets: 200, timed: true },
  soak: { producers: 100, rise: 30, hold: 3600, fall: 30, sockets: 20, timed: true },
}
