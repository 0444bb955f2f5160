// Package spec is what a producer program is told, as ../../producer-spec.ts says.
package spec

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"strings"
	"time"
)

// Task is the spec on stdin.
type Task struct {
	Name       string
	Bootstrap  string
	Properties map[string]string
	Records    []Record
	Generate   *Generate
	stdin      *bufio.Reader
}

// Record is one to send. A nil partition or timestamp is the client's to choose.
type Record struct {
	Topic     string
	Partition *int32
	Key       []byte
	Value     []byte
	Headers   []Header
	Timestamp *int64
}

// Header is written as a pair of its name and its value.
type Header struct {
	Name  string
	Value []byte
}

// UnmarshalJSON reads [name, base64 or null].
func (h *Header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[2]any{&h.Name, &h.Value})
}

// Generate is the other way to say what to send.
type Generate struct {
	Topics     []string
	Count      *int
	Partitions int
	ValueBytes int
	PerSecond  float64
}

// Read reads the task, and ends the program if it cannot.
func Read() *Task {
	task := &Task{stdin: bufio.NewReaderSize(os.Stdin, 1<<20)}
	line, err := task.stdin.ReadBytes('\n')
	if err != nil {
		Fail("no spec on stdin: %v", err)
	}
	if err := json.Unmarshal(line, task); err != nil {
		Fail("the spec cannot be read: %v", err)
	}
	return task
}

// Fail ends the program.
func Fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

// Brokers are the bootstrap addresses.
func (t *Task) Brokers() []string {
	return strings.Split(t.Bootstrap, ",")
}

// ChoosesPartitions says whether the records name their partitions: all of them must, or none.
func (t *Task) ChoosesPartitions() bool {
	if t.Generate != nil {
		return t.Generate.Partitions > 0
	}
	chosen := 0
	for _, record := range t.Records {
		if record.Partition != nil {
			chosen++
		}
	}
	if chosen > 0 && chosen < len(t.Records) {
		Fail("%d of %d records name a partition: this client needs all or none", chosen, len(t.Records))
	}
	return chosen > 0
}

// All are the records in order, numbered from 0. An open-ended task goes on until stdin closes.
func (t *Task) All() iter.Seq2[int, Record] {
	if t.Generate != nil {
		return t.generated
	}
	return func(yield func(int, Record) bool) {
		for id, record := range t.Records {
			if !yield(id, record) {
				return
			}
		}
	}
}

func (t *Task) generated(yield func(int, Record) bool) {
	g := t.Generate
	var closed chan struct{} // nil never closes
	if g.Count == nil {
		closed = t.whenClosed()
	}
	start := time.Now()
	for id := 0; g.Count == nil || id < *g.Count; id++ {
		var due <-chan time.Time
		if g.PerSecond > 0 {
			due = time.After(time.Until(start.Add(time.Duration(float64(id) / g.PerSecond * float64(time.Second)))))
		} else {
			due = now
		}
		select {
		case <-closed:
			return
		case <-due:
		}
		if !yield(id, t.generate(id)) {
			return
		}
	}
}

// A closed channel is ready at once.
var now = func() <-chan time.Time {
	channel := make(chan time.Time)
	close(channel)
	return channel
}()

func (t *Task) whenClosed() chan struct{} {
	closed := make(chan struct{})
	go func() {
		io.Copy(io.Discard, t.stdin)
		close(closed)
	}()
	return closed
}

func (t *Task) generate(id int) Record {
	g := t.Generate
	topic := g.Topics[id%len(g.Topics)]
	record := Record{Topic: topic, Value: value(t.Name, topic, id, g.ValueBytes)}
	if g.Partitions > 0 {
		partition := int32(id / len(g.Topics) % g.Partitions)
		record.Partition = &partition
	}
	return record
}

func value(name, topic string, seq, size int) []byte {
	if size == 0 {
		size = 100
	}
	head := fmt.Sprintf("%s|%s|%d|", name, topic, seq)
	length := max(len(head), size-8)
	body := []byte(strings.Repeat(head, length/len(head)+1))[:length]
	return fmt.Appendf(body, "%08x", crc32.ChecksumIEEE(body))
}
