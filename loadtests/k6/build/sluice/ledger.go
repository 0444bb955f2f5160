package sluice

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"sync"
)

// Where a record was acknowledged. Unacknowledged ones may be stored or not.
type entry struct {
	topic        string
	offset       int64
	partition    int32
	bytes        int32
	acknowledged bool
}

// All records that producers of this process sent, by producer and sequence. 40 bytes a record.
type ledger struct {
	// In each record's header `run`: a topic may hold the records of earlier runs.
	run       string
	mutex     sync.Mutex
	producers map[string][]entry
	open      map[*producer]struct{}
}

func newLedger() *ledger {
	id := make([]byte, 8)
	_, _ = rand.Read(id)
	return &ledger{
		run:       hex.EncodeToString(id),
		producers: map[string][]entry{},
		open:      map[*producer]struct{}{},
	}
}

// The names of producers must differ, or their sequences could not be told apart.
func (l *ledger) add(p *producer) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, taken := l.producers[p.name]; taken {
		return fmt.Errorf("there is a producer %q already: each needs a name of its own", p.name)
	}
	l.producers[p.name] = nil
	l.open[p] = struct{}{}
	return nil
}

// Returns the record's sequence: 0, 1, 2 ... for each producer.
func (l *ledger) sent(producer, topic string, bytes int) int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	own := l.producers[producer]
	l.producers[producer] = append(own, entry{topic: topic, bytes: int32(bytes)})
	return len(own)
}

func (l *ledger) acknowledged(producer string, sequence int, partition int32, offset int64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	own := &l.producers[producer][sequence]
	own.partition, own.offset, own.acknowledged = partition, offset, true
}

// Sends what is still buffered and ends all producers: afterwards nothing more can be stored.
func (l *ledger) closeProducers() {
	l.mutex.Lock()
	open := l.open
	l.open = map[*producer]struct{}{}
	l.mutex.Unlock()
	var wait sync.WaitGroup
	for p := range open {
		wait.Go(p.close)
	}
	wait.Wait()
}

// The value of a record is known from who sent it, so that a changed or swapped one is found.
func valueOf(run, producer string, sequence, bytes int) []byte {
	value := fmt.Appendf(make([]byte, 0, bytes), "%s/%s/%d/", run, producer, sequence)
	hash := fnv.New64a()
	_, _ = hash.Write(value)
	// xorshift64: bytes that a codec finds little to save in.
	for state := hash.Sum64() | 1; len(value) < bytes; {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		value = fmt.Appendf(value, "%016x", state)
	}
	return value[:bytes]
}
