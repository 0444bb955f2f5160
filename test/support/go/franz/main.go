// franz-go, told by a ProducerSpec and answering in Outcomes: see ../../producer-spec.ts.
package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/producers/spec"
)

// What franz-go calls the properties of Kafka's own producer.
var properties = map[string]func(value string) kgo.Opt{
	"client.id":           func(value string) kgo.Opt { return kgo.ClientID(value) },
	"acks":                acks,
	"compression.type":    compression,
	"enable.idempotence":  idempotence,
	"linger.ms":           millis(func(d time.Duration) kgo.Opt { return kgo.ProducerLinger(d) }),
	"delivery.timeout.ms": millis(func(d time.Duration) kgo.Opt { return kgo.RecordDeliveryTimeout(d) }),
	"request.timeout.ms":  millis(func(d time.Duration) kgo.Opt { return kgo.ProduceRequestTimeout(d) }),
	"metadata.max.age.ms": millis(func(d time.Duration) kgo.Opt { return kgo.MetadataMaxAge(d) }),
	"max.in.flight.requests.per.connection": func(value string) kgo.Opt {
		return kgo.MaxProduceRequestsInflightPerBroker(number(value))
	},
}

func acks(value string) kgo.Opt {
	switch value {
	case "0":
		return kgo.RequiredAcks(kgo.NoAck())
	case "1":
		return kgo.RequiredAcks(kgo.LeaderAck())
	}
	return kgo.RequiredAcks(kgo.AllISRAcks())
}

func compression(value string) kgo.Opt {
	codecs := map[string]kgo.CompressionCodec{
		"none":   kgo.NoCompression(),
		"gzip":   kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(),
		"lz4":    kgo.Lz4Compression(),
		"zstd":   kgo.ZstdCompression(),
	}
	codec, known := codecs[value]
	if !known {
		spec.Fail("franz-go has no codec %s", value)
	}
	return kgo.ProducerBatchCompression(codec)
}

// It is on unless it is taken away.
func idempotence(value string) kgo.Opt {
	if value == "false" {
		return kgo.DisableIdempotentWrite()
	}
	return kgo.WithHooks()
}

func millis(option func(time.Duration) kgo.Opt) func(string) kgo.Opt {
	return func(value string) kgo.Opt { return option(time.Duration(number(value)) * time.Millisecond) }
}

func number(value string) int {
	n, err := strconv.Atoi(value)
	if err != nil {
		spec.Fail("not a number: %s", value)
	}
	return n
}

func main() {
	task := spec.Read()
	client, err := kgo.NewClient(options(task)...)
	if err != nil {
		spec.Fail("%v", err)
	}
	answers := spec.NewAnswers()
	sent := 0
	for id, record := range task.All() {
		send(client, answers, id, record)
		sent++
	}
	if err := client.Flush(context.Background()); err != nil {
		spec.Fail("%v", err)
	}
	client.Close()
	answers.Done(sent)
}

func options(task *spec.Task) []kgo.Opt {
	opts := []kgo.Opt{kgo.SeedBrokers(task.Brokers()...)}
	for name, value := range task.Properties {
		option, known := properties[name]
		if !known {
			spec.Fail("franz-go has nothing like %s", name)
		}
		opts = append(opts, option(value))
	}
	if task.ChoosesPartitions() {
		opts = append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	return opts
}

func send(client *kgo.Client, answers *spec.Answers, id int, record spec.Record) {
	message := &kgo.Record{Topic: record.Topic, Key: record.Key, Value: record.Value}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
	}
	if record.Partition != nil {
		message.Partition = *record.Partition
	}
	if record.Timestamp != nil {
		message.Timestamp = time.UnixMilli(*record.Timestamp)
	}
	start := time.Now()
	client.Produce(context.Background(), message, func(stored *kgo.Record, err error) {
		if err != nil {
			answers.Failed(id, record.Topic, start, err, brokerCode(err))
			return
		}
		answers.Acked(id, record.Topic, start, stored.Partition, stored.Offset, stored.Timestamp.UnixMilli())
	})
}

func brokerCode(err error) *int16 {
	if answered, ok := errors.AsType[*kerr.Error](err); ok {
		return &answered.Code
	}
	return nil
}
