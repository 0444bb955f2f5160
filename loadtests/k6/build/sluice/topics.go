package sluice

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	earliest = -2
	latest   = -1
	// A new topic's leaders answer within a second; a busy machine takes longer.
	leadersMs = 30_000
)

type place struct {
	topic     string
	partition int32
}

// Where the logs ended before the run, by cluster (its brokers): what stands before is somebody else's.
type marks struct {
	mutex sync.Mutex
	ends  map[string]map[place]int64
}

func newMarks() *marks { return &marks{ends: map[string]map[place]int64{}} }

func (m *marks) of(brokers string, at place) int64 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.ends[brokers][at]
}

func (m *marks) set(brokers string, ends map[place]int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.ends[brokers] == nil {
		m.ends[brokers] = map[place]int64{}
	}
	for at, end := range ends {
		m.ends[brokers][at] = end
	}
}

type topicOptions struct {
	// Of the cluster itself, not of what stands before it.
	Brokers    string   `js:"brokers"`
	Topics     []string `js:"topics"`
	Partitions int32    `js:"partitions"`
}

// Makes the topics that are missing, with as many replicas as the cluster does by itself, and notes where the
// logs end. For setup().
func (i *instance) prepare(options topicOptions) {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(options.Brokers, ",")...))
	i.must(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(i.vu.Context(), millis(leadersMs))
	defer cancel()
	i.must(create(ctx, client, options))
	for {
		ends, err := offsets(ctx, client, options.Topics, latest)
		if err == nil {
			i.marks.set(options.Brokers, ends)
			return
		}
		select {
		case <-ctx.Done():
			i.must(fmt.Errorf("the leaders of %s do not answer: %w", strings.Join(options.Topics, ", "), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func create(ctx context.Context, client *kgo.Client, options topicOptions) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = leadersMs
	for _, name := range options.Topics {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, options.Partitions, -1
		request.Topics = append(request.Topics, topic)
	}
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, topic := range answer.Topics {
		code := topic.ErrorCode
		if code != 0 && code != kerr.TopicAlreadyExists.Code {
			return fmt.Errorf("topic %s cannot be made: %w", topic.Topic, kerr.ErrorForCode(code))
		}
	}
	return nil
}

// The first or the next offset of every partition; an error when one of them has no leader that answers.
func offsets(ctx context.Context, client *kgo.Client, topics []string, which int64) (map[place]int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	counts, err := partitionCounts(ctx, client, topics)
	if err != nil {
		return nil, err
	}
	for topic, count := range counts {
		asked := kmsg.NewListOffsetsRequestTopic()
		asked.Topic = topic
		for partition := range count {
			each := kmsg.NewListOffsetsRequestTopicPartition()
			each.Partition, each.Timestamp = partition, which
			asked.Partitions = append(asked.Partitions, each)
		}
		request.Topics = append(request.Topics, asked)
	}
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	found := map[place]int64{}
	for _, topic := range answer.Topics {
		for _, partition := range topic.Partitions {
			if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
				return nil, fmt.Errorf("%s-%d: %w", topic.Topic, partition.Partition, err)
			}
			found[place{topic.Topic, partition.Partition}] = partition.Offset
		}
	}
	return found, nil
}

func partitionCounts(ctx context.Context, client *kgo.Client, topics []string) (map[string]int32, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, topic)
	}
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	counts := map[string]int32{}
	for _, topic := range answer.Topics {
		name := *topic.Topic
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
			return nil, fmt.Errorf("topic %s: %w", name, err)
		}
		counts[name] = int32(len(topic.Partitions))
	}
	return counts, nil
}
