package sluice

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.k6.io/k6/metrics"
)

// No cluster is slower than this to read back what a run has written.
const readTimeout = 10 * time.Minute

type upstream struct {
	// Of the cluster itself, not of what stands before it.
	Brokers string   `js:"brokers"`
	Topics  []string `js:"topics"`
}

type verdict struct {
	Sent         int `js:"sent"`
	Acknowledged int `js:"acknowledged"`
	// Records of this run in the logs, duplicates included.
	Stored int `js:"stored"`
	// Acknowledged, and nowhere.
	Lost       int `js:"lost"`
	Duplicated int `js:"duplicated"`
	// First appearances that stand behind a later record of the same producer and partition.
	OutOfOrder int `js:"outOfOrder"`
	// In another topic than it was sent to, or not where its ack said.
	Misplaced int `js:"misplaced"`
	Changed   int `js:"changed"`
	// Records that nobody sent.
	Unknown int `js:"unknown"`
	// The first few faults, in words.
	Faults []string `js:"faults"`
}

// One record of this run, as a log holds it.
type stored struct {
	place
	offset   int64
	producer string
	// -1: not a number.
	sequence int
	value    []byte
}

// Ends all producers, reads the logs of all clusters and compares them with the ledger. For teardown().
func (i *instance) verify(upstreams []upstream) verdict {
	i.ledger.closeProducers()
	ctx, cancel := context.WithTimeout(i.vu.Context(), readTimeout)
	defer cancel()
	judge := newJudge(i.ledger)
	for _, each := range upstreams {
		i.must(i.readLogs(ctx, each, judge.look))
	}
	result := judge.verdict()
	points := []point{{i.metrics.verifications, 1, [2]string{}}}
	for metric, count := range map[*metrics.Metric]int{
		i.metrics.stored: result.Stored, i.metrics.lost: result.Lost, i.metrics.duplicated: result.Duplicated,
		i.metrics.outOfOrder: result.OutOfOrder, i.metrics.misplaced: result.Misplaced,
		i.metrics.changed: result.Changed, i.metrics.unknown: result.Unknown,
	} {
		points = append(points, point{metric, float64(count), [2]string{}})
	}
	i.push(points...)
	return result
}

// Shows every record of this run, each partition in the order of its log.
func (i *instance) readLogs(ctx context.Context, from upstream, look func(stored)) error {
	seeds := kgo.SeedBrokers(strings.Split(from.Brokers, ",")...)
	client, err := kgo.NewClient(seeds, kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	first, err := offsets(ctx, client, from.Topics, earliest)
	if err != nil {
		return err
	}
	end, err := offsets(ctx, client, from.Topics, latest)
	if err != nil {
		return err
	}
	reading := map[string]map[int32]kgo.Offset{}
	unread := map[place]int64{}
	for at, next := range end {
		start := max(first[at], i.marks.of(from.Brokers, at))
		if start >= next {
			continue
		}
		unread[at] = next
		if reading[at.topic] == nil {
			reading[at.topic] = map[int32]kgo.Offset{}
		}
		reading[at.topic][at.partition] = kgo.NewOffset().At(start)
	}
	client.AddConsumePartitions(reading)
	for len(unread) > 0 {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err0(); err != nil {
			return fmt.Errorf("reading back from %s: %w", from.Brokers, err)
		}
		fetched.EachRecord(func(record *kgo.Record) {
			at := place{record.Topic, record.Partition}
			if record.Offset >= unread[at] {
				return
			}
			if record.Offset == unread[at]-1 {
				delete(unread, at)
			}
			if own, ok := i.ownRecord(record); ok {
				look(own)
			}
		})
	}
	return nil
}

func (i *instance) ownRecord(record *kgo.Record) (stored, bool) {
	headers := map[string]string{}
	for _, header := range record.Headers {
		headers[header.Key] = string(header.Value)
	}
	if headers["run"] != i.ledger.run {
		return stored{}, false
	}
	sequence, err := strconv.Atoi(headers["sequence"])
	if err != nil {
		sequence = -1
	}
	at := place{record.Topic, record.Partition}
	return stored{at, record.Offset, headers["producer"], sequence, record.Value}, true
}

// What was found of one record of the ledger.
type finding struct {
	times   int
	atPlace bool
}

type judge struct {
	ledger *ledger
	found  map[string][]finding
	// The highest sequence seen so far, by producer and partition.
	last   map[string]map[place]int
	result verdict
}

func newJudge(l *ledger) *judge {
	j := &judge{ledger: l, found: map[string][]finding{}, last: map[string]map[place]int{}}
	j.result.Faults = []string{}
	for name, entries := range l.producers {
		j.found[name] = make([]finding, len(entries))
		j.last[name] = map[place]int{}
		j.result.Sent += len(entries)
	}
	return j
}

func (j *judge) look(record stored) {
	j.result.Stored++
	known := j.found[record.producer]
	if record.sequence < 0 || record.sequence >= len(known) {
		j.fault(&j.result.Unknown, "nobody sent", record)
		return
	}
	sent := j.ledger.producers[record.producer][record.sequence]
	value := valueOf(j.ledger.run, record.producer, record.sequence, int(sent.bytes))
	if !bytes.Equal(record.value, value) {
		j.fault(&j.result.Changed, "another value than was sent:", record)
	}
	if record.topic != sent.topic {
		j.fault(&j.result.Misplaced, "not sent to this topic:", record)
	}
	finding := &known[record.sequence]
	finding.times++
	if record.topic == sent.topic && record.partition == sent.partition && record.offset == sent.offset {
		finding.atPlace = true
	}
	if finding.times > 1 {
		j.fault(&j.result.Duplicated, "stored once more:", record)
		return
	}
	last := j.last[record.producer]
	if before, seen := last[record.place]; seen && before > record.sequence {
		j.fault(&j.result.OutOfOrder, fmt.Sprintf("behind #%d:", before), record)
		return
	}
	last[record.place] = record.sequence
}

func (j *judge) verdict() verdict {
	for name, entries := range j.ledger.producers {
		for sequence, sent := range entries {
			if !sent.acknowledged {
				continue
			}
			j.result.Acknowledged++
			finding := j.found[name][sequence]
			acked := stored{place{sent.topic, sent.partition}, sent.offset, name, sequence, nil}
			if finding.times == 0 {
				j.fault(&j.result.Lost, "acknowledged, but not there:", acked)
			} else if !finding.atPlace {
				j.fault(&j.result.Misplaced, "not where its ack said:", acked)
			}
		}
	}
	return j.result
}

func (j *judge) fault(count *int, what string, at stored) {
	*count++
	if len(j.result.Faults) < 20 {
		text := fmt.Sprintf("%s %s #%d at %s-%d@%d", what, at.producer, at.sequence, at.topic, at.partition, at.offset)
		j.result.Faults = append(j.result.Faults, text)
	}
}
