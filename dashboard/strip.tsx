import { CLUSTER_SHAPES, type Shape, StateIcon, StateMark } from '#dashboard/icons.tsx'
import type { View } from '#dashboard/store.ts'
import {
  clusterReasons,
  configSentence,
  fleetSentence,
  redisSentence,
  type Sentence,
  versionSentence,
} from '#dashboard/words.ts'

/** The fleet in words. */
export function Strip({ view: { state } }: { view: View }) {
  const fleet = fleetSentence(state)
  const redis = redisSentence(state) ?? { text: 'One node by itself, no Redis configured', mood: 'good' }
  const alone = redis.mood !== 'good'
  return (
    <section class="strip" aria-label="Fleet">
      <p class="fleet">
        <span class={`mark ${fleet.mood}`}>
          <StateIcon shape={fleet.mood} />
        </span>
        {fleet.text}
      </p>
      <ul class="reasons">
        {alone && <Reason shape="warning" text={redis.text} reason={state.fleet.reason} />}
        {clusterReasons(state).map(({ name, state, reason }) => (
          <Reason key={name} shape={CLUSTER_SHAPES[state]} text={`${name} ${state}`} reason={reason} />
        ))}
      </ul>
      <ul class="facts">
        {!alone && <Fact {...redis} />}
        <Fact {...configSentence(state)} />
        <Fact {...versionSentence(state)} />
      </ul>
    </section>
  )
}

function Reason({ shape, text, reason }: { shape: Shape; text: string; reason: string }) {
  return (
    <li>
      <StateMark shape={shape} text={text} />
      {reason && <span class="muted">{reason}</span>}
    </li>
  )
}

function Fact({ text, mood }: Sentence) {
  return <li>{mood === 'good' ? text : <StateMark shape={mood} text={text} />}</li>
}
