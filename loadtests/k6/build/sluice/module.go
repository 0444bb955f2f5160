// Package sluice is the k6 module k6/x/sluice: Kafka producers that wait for their acks and remember them, and
// a check of what the clusters hold afterwards. ../../types/k6-x-sluice.d.ts tells how scripts use it.
package sluice

import (
	"context"
	"sync"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/js/common"
	"go.k6.io/k6/js/modules"
	"go.k6.io/k6/metrics"
)

func init() { modules.Register("k6/x/sluice", &root{ledger: newLedger(), marks: newMarks()}) }

// One per k6 process. Virtual users share it: what one has sent another can verify.
type root struct {
	ledger *ledger
	marks  *marks
	// Names that some virtual user has raised.
	flags sync.Map
}

type instance struct {
	*root
	vu      modules.VU
	metrics *ownMetrics
}

type ownMetrics struct {
	ackTime, acknowledged, errors, batches, bytes                                    *metrics.Metric
	stored, lost, duplicated, outOfOrder, misplaced, changed, unknown, verifications *metrics.Metric
}

func (r *root) NewModuleInstance(vu modules.VU) modules.Instance {
	registry := vu.InitEnv().Registry
	counter := func(name string) *metrics.Metric { return registry.MustNewMetric(name, metrics.Counter) }
	return &instance{root: r, vu: vu, metrics: &ownMetrics{
		ackTime:       registry.MustNewMetric("sluice_ack_time", metrics.Trend, metrics.Time),
		acknowledged:  counter("sluice_acknowledged"),
		errors:        counter("sluice_errors"),
		batches:       counter("sluice_batches"),
		bytes:         registry.MustNewMetric("sluice_bytes", metrics.Counter, metrics.Data),
		stored:        counter("sluice_stored"),
		lost:          counter("sluice_lost"),
		duplicated:    counter("sluice_duplicated"),
		outOfOrder:    counter("sluice_out_of_order"),
		misplaced:     counter("sluice_misplaced"),
		changed:       counter("sluice_changed"),
		unknown:       counter("sluice_unknown"),
		verifications: counter("sluice_verifications"),
	}}
}

func (i *instance) Exports() modules.Exports {
	return modules.Exports{Named: map[string]any{
		"Producer": i.newProducer,
		"prepare":  i.prepare,
		"verify":   i.verify,
		"raise":    func(flag string) { i.flags.Store(flag, true) },
		"isRaised": i.isRaised,
	}}
}

func (i *instance) isRaised(flag string) bool {
	_, raised := i.flags.Load(flag)
	return raised
}

// Throws in the script where an error came, so that no failure goes unseen.
func (i *instance) must(err error) {
	if err != nil {
		common.Throw(i.vu.Runtime(), err)
	}
}

// What a script passed, by the `js` names of the fields.
func (i *instance) read(value sobek.Value, into any) {
	i.must(i.vu.Runtime().ExportTo(value, into))
}

type point struct {
	metric *metrics.Metric
	value  float64
	// Name and value.
	tag [2]string
}

// Adds points with the tags that the virtual user has just now. In the init stage there is nowhere to put them.
func (i *instance) push(points ...point) {
	state := i.vu.State()
	if state == nil {
		return
	}
	current := state.Tags.GetCurrentValues()
	now := time.Now()
	samples := make(metrics.Samples, 0, len(points))
	for _, each := range points {
		tags := current.Tags
		if each.tag[0] != "" {
			tags = tags.With(each.tag[0], each.tag[1])
		}
		samples = append(samples, metrics.Sample{
			TimeSeries: metrics.TimeSeries{Metric: each.metric, Tags: tags},
			Time:       now,
			Value:      each.value,
			Metadata:   current.Metadata,
		})
	}
	// Not the user's own context: what was answered while k6 was stopping counts, too.
	metrics.PushIfNotDone(context.WithoutCancel(i.vu.Context()), state.Samples, samples)
}
