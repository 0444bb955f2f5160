"""What a producer program is told and what it answers, as ../producer-spec.ts says: shared by the programs here."""

import base64
import json
import sys
import threading
import time
import zlib

# Clients have None or negative numbers of their own for it.
UNKNOWN_OFFSET = -1


class Task:
    """The spec on stdin: what to send, and to whom."""

    def __init__(self):
        self.spec = json.loads(sys.stdin.readline())
        self.bootstrap = self.spec['bootstrap']
        self.properties = self.spec.get('properties') or {}

    def settings(self):
        """The properties as Python clients name and type them: `linger.ms` "5" is linger_ms 5."""
        return {name.replace('.', '_'): typed(value) for name, value in self.properties.items()}

    def records(self):
        if self.spec.get('records') is not None:
            return listed(self.spec['records'])
        open_ended = self.spec['generate'].get('count') is None
        return generated(self.spec, set_when_closed(sys.stdin) if open_ended else threading.Event())


def typed(text):
    words = {'true': True, 'false': False, 'none': None}
    if text in words:
        return words[text]
    return int(text) if text.lstrip('-').isdigit() else text


def decoded(text):
    return None if text is None else base64.b64decode(text)


def listed(records):
    for record in records:
        yield {
            'topic': record['topic'],
            'partition': record.get('partition'),
            'key': decoded(record.get('key')),
            'value': decoded(record['value']),
            'headers': [(name, decoded(value)) for name, value in record.get('headers') or []],
            'timestamp': record.get('timestamp'),
        }


def generated_value(name, topic, seq, size):
    head = f'{name}|{topic}|{seq}|'.encode()
    length = max(len(head), size - 8)
    body = (head * (length // len(head) + 1))[:length]
    return body + b'%08x' % zlib.crc32(body)


def generated(spec, stopped):
    generate = spec['generate']
    topics, count = generate['topics'], generate.get('count')
    per_second = generate.get('perSecond')
    start = time.monotonic()
    seq = 0
    while (count is None or seq < count) and not stopped.is_set():
        if per_second:
            # The pause ends early when stdin closes.
            if stopped.wait(max(0, start + seq / per_second - time.monotonic())):
                return
        topic = topics[seq % len(topics)]
        partitions = generate.get('partitions')
        yield {
            'topic': topic,
            'partition': seq // len(topics) % partitions if partitions else None,
            'key': None,
            'value': generated_value(spec['name'], topic, seq, generate.get('valueBytes') or 100),
            'headers': [],
            'timestamp': None,
        }
        seq += 1


def set_when_closed(stream):
    closed = threading.Event()

    def wait():
        while stream.readline():
            pass
        closed.set()

    threading.Thread(target=wait, daemon=True).start()
    return closed


class Answers:
    """One line per record, from whatever thread. Flushing each would slow big runs down."""

    def __init__(self):
        self.lock = threading.Lock()
        self.begun = time.monotonic()
        threading.Thread(target=self.flush_now_and_then, daemon=True).start()

    def flush_now_and_then(self):
        while True:
            time.sleep(0.01)
            with self.lock:
                sys.stdout.flush()

    def acked(self, id, topic, start, partition, offset, timestamp):
        self.ended(id, topic, start, partition, offset if known(offset) else UNKNOWN_OFFSET, timestamp, None, None)

    def failed(self, id, topic, start, error, code, partition=None):
        self.ended(id, topic, start, partition, UNKNOWN_OFFSET, -1, error, code)

    def ended(self, id, topic, start, partition, offset, timestamp, error, code):
        self.write({
            'id': id,
            'topic': topic,
            'partition': partition if known(partition) else None,
            'offset': offset,
            'timestamp': -1 if timestamp is None else timestamp,
            'error': error,
            'code': code,
            'ms': millis_since(start),
        })

    def done(self, sent):
        self.write({'done': True, 'sent': sent, 'ms': millis_since(self.begun)})
        with self.lock:
            sys.stdout.flush()

    def write(self, line):
        text = json.dumps(line) + '\n'
        with self.lock:
            sys.stdout.write(text)


def known(number):
    """Offsets and partitions are None or negative where a client has none."""
    return number is not None and number >= 0


def millis_since(start):
    return round((time.monotonic() - start) * 1000, 2)
