package spec

import (
	"bufio"
	"encoding/json"
	"os"
	"sync"
	"time"
)

// Outcome is how one send ended. A nil error is an acknowledgement.
type Outcome struct {
	ID        int     `json:"id"`
	Topic     string  `json:"topic"`
	Partition *int32  `json:"partition"`
	Offset    int64   `json:"offset"`
	Timestamp int64   `json:"timestamp"`
	Error     *string `json:"error"`
	Code      *int16  `json:"code"`
	Ms        float64 `json:"ms"`
}

// Answers prints outcomes, from whatever goroutine.
type Answers struct {
	begun time.Time
	mutex sync.Mutex
	out   *bufio.Writer
}

// NewAnswers flushes now and then: flushing each line would slow big runs down.
func NewAnswers() *Answers {
	a := &Answers{begun: time.Now(), out: bufio.NewWriterSize(os.Stdout, 1<<16)}
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			a.mutex.Lock()
			a.out.Flush()
			a.mutex.Unlock()
		}
	}()
	return a
}

// Acked tells of a record that was stored. A negative partition or offset is unknown.
func (a *Answers) Acked(id int, topic string, start time.Time, partition int32, offset, timestamp int64) {
	outcome := Outcome{ID: id, Topic: topic, Offset: max(offset, -1), Timestamp: timestamp, Ms: millisSince(start)}
	if partition >= 0 {
		outcome.Partition = &partition
	}
	a.print(outcome)
}

// Failed tells of an error. The code is the broker's, nil if the client gave up by itself.
func (a *Answers) Failed(id int, topic string, start time.Time, err error, code *int16) {
	text := err.Error()
	a.print(Outcome{ID: id, Topic: topic, Offset: -1, Timestamp: -1, Error: &text, Code: code, Ms: millisSince(start)})
}

// Done is the last line.
func (a *Answers) Done(sent int) {
	a.print(map[string]any{"done": true, "sent": sent, "ms": millisSince(a.begun)})
	a.mutex.Lock()
	a.out.Flush()
}

func (a *Answers) print(line any) {
	text, err := json.Marshal(line)
	if err != nil {
		Fail("%v", err)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.out.Write(append(text, '\n'))
}

func millisSince(start time.Time) float64 {
	return float64(time.Since(start).Microseconds()) / 1000
}
