import type { ComponentChildren } from 'preact'
import { chosenOf, type Filter, sameFilter, toggle } from '#dashboard/filter.ts'
import { type Figure, join, milliseconds, rate } from '#dashboard/format.ts'
import { CLUSTER_SHAPES, NODE_SHAPES, StateMark } from '#dashboard/icons.tsx'
import { clusterNames, nodeNames } from '#dashboard/lines.ts'
import { ScrollBox } from '#dashboard/scroll-box.tsx'
import { choose, filter, now, type View } from '#dashboard/store.ts'
import { nodeWords } from '#dashboard/words.ts'
import type { NodeCluster, NodeStatus, State } from '#status/contract.ts'

/** Nodes down, clusters across. A click on any of it filters what stands below. */
export function Matrix({ view }: { view: View }) {
  const { state } = view
  const clusters = clusterNames(view)
  if (clusters.length === 0) return null
  return (
    <section class="panel">
      <div class="panel-head">
        <h2>Nodes and clusters</h2>
        <p class="muted">Batches in and p99. Choose a node, a cluster or a cell to see it alone below.</p>
      </div>
      <ScrollBox label="Nodes and clusters">
        <table class="matrix" style={{ '--columns': clusters.length + 1 }}>
          <thead>
            <tr>
              <th scope="col" class="first label">
                Node
              </th>
              <th scope="col" class="label">
                All clusters
              </th>
              {clusters.map((name) => (
                <ClusterHead key={name} name={name} state={state} />
              ))}
            </tr>
          </thead>
          <tbody>
            {nodeNames(view).map((id) => (
              <Row key={id} id={id} node={state.nodes[id]!} clusters={clusters} most={mostOf(state)} />
            ))}
          </tbody>
          <tfoot>
            <Totals state={state} clusters={clusters} />
          </tfoot>
        </table>
      </ScrollBox>
    </section>
  )
}

/** The busiest cell, which the bars are drawn against. */
function mostOf(state: State): number {
  const cells = Object.values(state.nodes).flatMap((node) => Object.values(node.clusters))
  return Math.max(1, ...cells.map(({ rates }) => rates.batchesIn))
}

function ClusterHead({ name, state }: { name: string; state: State }) {
  const { state: how, reason } = state.clusters[name]!
  return (
    <th scope="col">
      <Choice chosen={{ cluster: name }} title={reason}>
        <span class="name">{name}</span>
        <StateMark shape={CLUSTER_SHAPES[how]} text={how} />
      </Choice>
    </th>
  )
}

function Row(props: { id: string; node: NodeStatus; clusters: string[]; most: number }) {
  const { id, node, clusters, most } = props
  const words = nodeWords(node, now.value)
  return (
    <tr class={words.old ? 'old' : ''}>
      <th scope="row" class="first">
        <Choice chosen={{ node: id }}>
          <span class="name">{id}</span>
          <StateMark shape={NODE_SHAPES[node.state]} text={words.text} />
        </Choice>
      </th>
      <td>
        <div class="cell">
          <Values amount={rate(node.rates.batchesIn)} p99={slowest(Object.values(node.clusters))} />
        </div>
      </td>
      {clusters.map((name) => (
        <td key={name}>
          <Cell id={id} name={name} node={node} most={most} />
        </td>
      ))}
    </tr>
  )
}

/** Of a node that is gone the figures are what it said last, and its view of the cluster is nobody's. */
function Cell(props: { id: string; name: string; node: NodeStatus; most: number }) {
  const { id, name, node, most } = props
  const cluster = node.clusters[name]
  const isGone = node.state === 'gone'
  if (!cluster) return <div class="cell muted">not configured</div>
  const { rates, latencyMs, state, reason } = cluster
  return (
    <Choice
      chosen={{ node: id, cluster: name }}
      title={isGone ? 'What it said last' : reason}
      share={isGone ? 0 : rates.batchesIn / most}
    >
      <Values amount={rate(rates.batchesIn)} p99={latencyMs.total.p99} />
      {!isGone && <StateMark shape={CLUSTER_SHAPES[state]} text={state} />}
    </Choice>
  )
}

function Totals({ state, clusters }: { state: State; clusters: string[] }) {
  const all = clusters.map((name) => state.clusters[name]!)
  return (
    <tr>
      <th scope="row" class="first label">
        All live nodes
      </th>
      <td>
        <div class="cell">
          <Values amount={rate(all.reduce((sum, c) => sum + c.rates.batchesIn, 0))} p99={slowest(all)} />
        </div>
      </td>
      {clusters.map((name, i) => (
        <td key={name}>
          <div class="cell">
            <Values amount={rate(all[i]!.rates.batchesIn)} p99={all[i]!.latencyMs.total.p99} />
          </div>
        </td>
      ))}
    </tr>
  )
}

/** Percentiles do not add up; the largest is what some clients see. */
function slowest(clusters: readonly NodeCluster[]): number | null {
  const known = clusters.map(({ latencyMs }) => latencyMs.total.p99).filter((p99) => p99 != null)
  return known.length ? Math.max(...known) : null
}

function Values({ amount, p99 }: { amount: Figure; p99: number | null }) {
  return (
    <>
      <span class="rate">{join(amount)}</span>
      <span class="p99">p99 {join(milliseconds(p99))}</span>
    </>
  )
}

/** A button that filters, pressed while what it stands for is chosen. */
function Choice(props: { chosen: Filter; title?: string; share?: number; children: ComponentChildren }) {
  const { chosen, title, share = 0, children } = props
  return (
    <button
      type="button"
      class={`cell ${touches(chosen) ? 'touched' : ''}`}
      aria-pressed={sameFilter(filter.value, chosen)}
      title={title || undefined}
      onClick={() => choose(toggle(filter.value, chosen))}
    >
      {children}
      {share > 0 && <span class="bar" style={{ inlineSize: `${Math.min(1, share) * 100}%` }} />}
    </button>
  )
}

/** Whether something of what is chosen can be seen in this cell. */
function touches(cell: Filter): boolean {
  const { node, cluster } = filter.value
  if (!node && !cluster) return false
  const inNode = !cell.node || chosenOf([cell.node], node).length > 0
  const inCluster = !cell.cluster || chosenOf([cell.cluster], cluster).length > 0
  return inNode && inCluster
}
