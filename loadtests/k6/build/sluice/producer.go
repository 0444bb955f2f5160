package sluice

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grafana/sobek"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.k6.io/k6/js/common"
)

// Times in ms.
type producerOptions struct {
	Name            string `js:"name"`
	Brokers         string `js:"brokers"`
	ClientID        string `js:"clientId"`
	Linger          int64  `js:"linger"`
	Compression     string `js:"compression"`
	DeliveryTimeout int64  `js:"deliveryTimeout"`
	RequestTimeout  int64  `js:"requestTimeout"`
	RequestRetries  int    `js:"requestRetries"`
}

type outgoing struct {
	Topic string `js:"topic"`
	// Empty: the producer's name, so that all its records of a topic go to one partition.
	Key   string `js:"key"`
	Bytes int    `js:"bytes"`
}

type ack struct {
	Topic     string `js:"topic"`
	Partition int32  `js:"partition"`
	Offset    int64  `js:"offset"`
	Sequence  int    `js:"sequence"`
	// Empty when the record was acknowledged.
	Error string `js:"error"`
	// From the call to the ack, in ms.
	Time float64 `js:"time"`
}

// An idempotent producer with acks=all, as one virtual user has it.
type producer struct {
	name    string
	client  *kgo.Client
	batches atomic.Int64
}

func (i *instance) newProducer(call sobek.ConstructorCall) *sobek.Object {
	options := producerOptions{Compression: "none", DeliveryTimeout: 120_000, RequestTimeout: 10_000, RequestRetries: 20}
	i.read(call.Argument(0), &options)
	p := &producer{name: options.Name}
	client, err := kgo.NewClient(append(options.kgo(), kgo.WithHooks(p))...)
	i.must(err)
	p.client = client
	i.must(i.ledger.add(p))
	runtime := i.vu.Runtime()
	object := runtime.NewObject()
	i.must(object.Set("produceSync", func(records []outgoing) []ack { return i.produceSync(p, records) }))
	i.must(object.Set("warmUp", func(topics []string) []ack { return i.warmUp(p, topics) }))
	i.must(object.SetPrototype(call.This.Prototype()))
	return object
}

func (o *producerOptions) kgo() []kgo.Opt {
	id := o.ClientID
	if id == "" {
		id = o.Name
	}
	return []kgo.Opt{
		kgo.SeedBrokers(strings.Split(o.Brokers, ",")...),
		kgo.ClientID(id),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(millis(o.Linger)),
		kgo.ProducerBatchCompression(codecs[o.Compression]),
		kgo.RecordDeliveryTimeout(millis(o.DeliveryTimeout)),
		kgo.ProduceRequestTimeout(millis(o.RequestTimeout)),
		kgo.RequestRetries(o.RequestRetries),
		// A topic that was made a moment ago may not be known at every door yet.
		kgo.UnknownTopicRetries(-1),
		kgo.DisableClientMetrics(),
		// A load balancer accepts for a node that has just died and then closes: no reason to give up.
		kgo.AlwaysRetryEOF(),
	}
}

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// OnProduceBatchWritten is called for each batch that was acknowledged.
func (p *producer) OnProduceBatchWritten(kgo.BrokerMetadata, string, int32, kgo.ProduceBatchMetrics) {
	p.batches.Add(1)
}

func (p *producer) close() {
	// Records have a delivery timeout, so this ends.
	_ = p.client.Flush(context.Background())
	p.client.Close()
}

// Sends the records in order and returns when each is acknowledged or has failed for good.
func (i *instance) produceSync(p *producer, records []outgoing) []ack {
	acks := i.sendAll(p, records)
	points := make([]point, 0, 2*len(acks)+2)
	bytes := 0
	for n, each := range acks {
		if each.Error != "" {
			points = append(points, point{i.metrics.errors, 1, [2]string{"topic", each.Topic}})
			continue
		}
		bytes += records[n].Bytes
		points = append(points,
			point{i.metrics.acknowledged, 1, [2]string{"topic", each.Topic}},
			point{i.metrics.ackTime, each.Time, [2]string{"topic", each.Topic}})
	}
	i.push(append(points,
		point{i.metrics.batches, float64(p.batches.Swap(0)), [2]string{}},
		point{i.metrics.bytes, float64(bytes), [2]string{}})...)
	return acks
}

// One record to each topic that counts in no metric but an error: connecting, Metadata and the producer id take
// up to 0.3 s, which is not what an ack time shall tell.
func (i *instance) warmUp(p *producer, topics []string) []ack {
	records := make([]outgoing, len(topics))
	for n, topic := range topics {
		records[n] = outgoing{Topic: topic, Bytes: 100}
	}
	acks := i.sendAll(p, records)
	p.batches.Store(0)
	for _, each := range acks {
		if each.Error != "" {
			i.push(point{i.metrics.errors, 1, [2]string{"topic", each.Topic}})
		}
	}
	return acks
}

func (i *instance) sendAll(p *producer, records []outgoing) []ack {
	if i.vu.State() == nil {
		common.Throw(i.vu.Runtime(), errors.New("nothing can be sent in the init stage"))
	}
	acks := make([]ack, len(records))
	var wait sync.WaitGroup
	wait.Add(len(records))
	for n, each := range records {
		sequence := i.ledger.sent(p.name, each.Topic, each.Bytes)
		acks[n] = ack{Topic: each.Topic, Partition: -1, Offset: -1, Sequence: sequence}
		start := time.Now()
		// Not the user's context: a record that was sent is waited for, or its fate would be unknown.
		p.client.Produce(context.Background(), i.record(p, each, sequence), func(stored *kgo.Record, err error) {
			defer wait.Done()
			acks[n].Time = float64(time.Since(start).Microseconds()) / 1000
			if err != nil {
				acks[n].Error = errorName(err)
				return
			}
			acks[n].Partition, acks[n].Offset = stored.Partition, stored.Offset
			i.ledger.acknowledged(p.name, sequence, stored.Partition, stored.Offset)
		})
	}
	wait.Wait()
	return acks
}

func (i *instance) record(p *producer, each outgoing, sequence int) *kgo.Record {
	key := each.Key
	if key == "" {
		key = p.name
	}
	return &kgo.Record{
		Topic: each.Topic,
		Key:   []byte(key),
		Value: valueOf(i.ledger.run, p.name, sequence, each.Bytes),
		Headers: []kgo.RecordHeader{
			{Key: "run", Value: []byte(i.ledger.run)},
			{Key: "producer", Value: []byte(p.name)},
			{Key: "sequence", Value: []byte(strconv.Itoa(sequence))},
		},
	}
}

func errorName(err error) string {
	if answered, ok := errors.AsType[*kerr.Error](err); ok {
		return fmt.Sprintf("%s (%d)", answered.Message, answered.Code)
	}
	return err.Error()
}
