"""librdkafka, told by a ProducerSpec and answering in Outcomes: see ../producer-spec.ts."""

import base64
import json
import os
import sys
import threading
import time
import traceback
import zlib

from confluent_kafka import KafkaError, KafkaException, Producer

# librdkafka has None or negative numbers of its own for it.
UNKNOWN_OFFSET = -1


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


def known(number):
    """Offsets and partitions are None or negative where librdkafka has none."""
    return number is not None and number >= 0


def set_when_closed(stream):
    closed = threading.Event()

    def wait():
        while stream.readline():
            pass
        closed.set()

    threading.Thread(target=wait, daemon=True).start()
    return closed


class Program:
    def __init__(self, spec):
        properties = {'bootstrap.servers': spec['bootstrap'], **(spec.get('properties') or {})}
        self.producer = Producer(properties)
        self.sending = True
        self.poller = threading.Thread(target=self.poll, daemon=True)
        self.poller.start()

    def poll(self):
        # Answers are told while one polls. Flushing stdout per line would slow big runs down.
        while self.sending:
            self.producer.poll(0.01)
            sys.stdout.flush()

    def finish(self):
        # The poller first: flush does not wait for a callback that runs in another thread.
        self.sending = False
        self.poller.join()
        self.producer.flush()

    def send(self, id, record):
        start = time.monotonic()

        def on_delivery(error, message):
            try:
                self.answered(id, record['topic'], start, error, message)
            except Exception:
                # Thrown in the poller it would end that thread only, and the answer would be missing.
                traceback.print_exc()
                os._exit(1)

        arguments = {name: record[name] for name in ('key', 'value', 'partition', 'timestamp')}
        arguments = {name: value for name, value in arguments.items() if value is not None}
        if record['headers']:
            arguments['headers'] = record['headers']
        while True:
            try:
                self.producer.produce(record['topic'], on_delivery=on_delivery, **arguments)
                break
            except BufferError:
                time.sleep(0.01)
            except KafkaException as failure:
                self.answered(id, record['topic'], start, failure.args[0], None)
                break

    def answered(self, id, topic, start, error, message):
        acked = error is None
        line = {
            'id': id,
            'topic': topic,
            'partition': message.partition() if message is not None and known(message.partition()) else None,
            'offset': message.offset() if acked and known(message.offset()) else UNKNOWN_OFFSET,
            'timestamp': message.timestamp()[1] if acked else -1,
            'error': None if acked else f'{error.name()}: {error.str()}',
            'code': error.code() if not acked and error.code() > KafkaError.NO_ERROR else None,
            'ms': round((time.monotonic() - start) * 1000, 2),
        }
        sys.stdout.write(json.dumps(line) + '\n')


def main():
    spec = json.loads(sys.stdin.readline())
    if spec.get('records') is not None:
        records = listed(spec['records'])
    else:
        open_ended = spec['generate'].get('count') is None
        stopped = set_when_closed(sys.stdin) if open_ended else threading.Event()
        records = generated(spec, stopped)
    start = time.monotonic()
    program = Program(spec)
    sent = 0
    for sent, record in enumerate(records, 1):
        program.send(sent - 1, record)
    program.finish()
    sys.stdout.write(json.dumps({'done': True, 'sent': sent, 'ms': round((time.monotonic() - start) * 1000, 2)}) + '\n')
    sys.stdout.flush()


main()
