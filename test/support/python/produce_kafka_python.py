"""kafka-python, told by a ProducerSpec and answering in Outcomes: see ../producer-spec.ts."""

import time

from kafka import KafkaProducer
from kafka.errors import BrokerResponseError, KafkaError

from producer_spec import Answers, Task


class Program:
    def __init__(self, task):
        self.producer = KafkaProducer(bootstrap_servers=task.bootstrap.split(','), **task.settings())
        self.answers = Answers()
        self.futures = []

    def finish(self, sent):
        # Not flush: it throws when a send fails in the same moment.
        for future in self.futures:
            try:
                future.get()
            except KafkaError:
                pass
        self.producer.close()
        self.answers.done(sent)

    def send(self, id, record):
        start = time.monotonic()
        topic = record['topic']

        def acked(metadata):
            self.answers.acked(id, topic, start, metadata.partition, metadata.offset, metadata.timestamp)

        def failed(error):
            self.answers.failed(id, topic, start, *reason_of(error))

        try:
            future = self.producer.send(
                topic,
                value=record['value'],
                key=record['key'],
                headers=record['headers'],
                partition=record['partition'],
                timestamp_ms=record['timestamp'],
            )
        except Exception as error:
            failed(error)
        else:
            future.add_callback(acked)
            future.add_errback(failed)
            self.futures.append(future)


def reason_of(error):
    # The library uses errno -1 for its own classes too.
    code = error.errno if isinstance(error, BrokerResponseError) and (error.errno or -1) > 0 else None
    return f'{type(error).__name__}: {error}', code


def main():
    task = Task()
    program = Program(task)
    sent = 0
    for sent, record in enumerate(task.records(), 1):
        program.send(sent - 1, record)
    program.finish(sent)


main()
