// sarama, told by a ProducerSpec and answering in Outcomes: see ../../producer-spec.ts.
package main

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"sluice/producers/spec"
)

// What sarama calls the properties of Kafka's own producer; kafka.version is its Config.Version.
var properties = map[string]func(config *sarama.Config, value string){
	"client.id":           func(config *sarama.Config, value string) { config.ClientID = value },
	"acks":                func(config *sarama.Config, value string) { config.Producer.RequiredAcks = acks(value) },
	"compression.type":    compression,
	"enable.idempotence":  func(config *sarama.Config, value string) { config.Producer.Idempotent = value == "true" },
	"kafka.version":       version,
	"linger.ms":           func(config *sarama.Config, value string) { config.Producer.Flush.Frequency = millis(value) },
	"metadata.max.age.ms": func(config *sarama.Config, value string) { config.Metadata.RefreshFrequency = millis(value) },
	"request.timeout.ms":  func(config *sarama.Config, value string) { config.Producer.Timeout = millis(value) },
	"retries":             func(config *sarama.Config, value string) { config.Producer.Retry.Max = number(value) },
	"retry.backoff.ms":    func(config *sarama.Config, value string) { config.Producer.Retry.Backoff = millis(value) },
	"max.in.flight.requests.per.connection": func(config *sarama.Config, value string) {
		config.Net.MaxOpenRequests = number(value)
	},
}

func acks(value string) sarama.RequiredAcks {
	if value == "all" {
		return sarama.WaitForAll
	}
	return sarama.RequiredAcks(number(value))
}

func compression(config *sarama.Config, value string) {
	if err := config.Producer.Compression.UnmarshalText([]byte(value)); err != nil {
		spec.Fail("%v", err)
	}
}

func version(config *sarama.Config, value string) {
	parsed, err := sarama.ParseKafkaVersion(value)
	if err != nil {
		spec.Fail("%v", err)
	}
	config.Version = parsed
}

func millis(value string) time.Duration {
	return time.Duration(number(value)) * time.Millisecond
}

func number(value string) int {
	n, err := strconv.Atoi(value)
	if err != nil {
		spec.Fail("not a number: %s", value)
	}
	return n
}

type sending struct {
	id    int
	start time.Time
}

func main() {
	task := spec.Read()
	config := configOf(task)
	producer, err := sarama.NewAsyncProducer(task.Brokers(), config)
	if err != nil {
		spec.Fail("%v", err)
	}
	answers := spec.NewAnswers()
	var open, readers sync.WaitGroup
	readers.Go(func() {
		for message := range producer.Successes() {
			acked(answers, message, config.Producer.RequiredAcks)
			open.Done()
		}
	})
	readers.Go(func() {
		for failure := range producer.Errors() {
			failed(answers, failure)
			open.Done()
		}
	})
	sent := 0
	for id, record := range task.All() {
		open.Add(1)
		producer.Input() <- messageOf(id, record)
		sent++
	}
	// A message that is being retried when the producer closes would be refused.
	open.Wait()
	producer.AsyncClose()
	readers.Wait()
	answers.Done(sent)
}

func configOf(task *spec.Task) *sarama.Config {
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	for name, value := range task.Properties {
		set, known := properties[name]
		if !known {
			spec.Fail("sarama has nothing like %s", name)
		}
		set(config, value)
	}
	if task.ChoosesPartitions() {
		config.Producer.Partitioner = sarama.NewManualPartitioner
	}
	return config
}

func messageOf(id int, record spec.Record) *sarama.ProducerMessage {
	message := &sarama.ProducerMessage{Topic: record.Topic, Metadata: sending{id, time.Now()}}
	// A nil []byte in an Encoder would be an empty one.
	if record.Key != nil {
		message.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		message.Value = sarama.ByteEncoder(record.Value)
	}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
	}
	if record.Partition != nil {
		message.Partition = *record.Partition
	}
	if record.Timestamp != nil {
		message.Timestamp = time.UnixMilli(*record.Timestamp)
	}
	return message
}

func acked(answers *spec.Answers, message *sarama.ProducerMessage, acks sarama.RequiredAcks) {
	offset := message.Offset
	if acks == sarama.NoResponse {
		offset = -1
	}
	told := message.Metadata.(sending)
	answers.Acked(told.id, message.Topic, told.start, message.Partition, offset, message.Timestamp.UnixMilli())
}

func failed(answers *spec.Answers, failure *sarama.ProducerError) {
	told := failure.Msg.Metadata.(sending)
	var code *int16
	if answered, ok := errors.AsType[sarama.KError](failure.Err); ok && answered > 0 {
		number := int16(answered)
		code = &number
	}
	answers.Failed(told.id, failure.Msg.Topic, told.start, failure.Err, code)
}
