"""librdkafka, told by a ProducerSpec and answering in Outcomes: see ../producer-spec.ts."""

import os
import threading
import time
import traceback

from confluent_kafka import KafkaError, KafkaException, Producer

from producer_spec import Answers, Task


class Program:
    def __init__(self, task):
        self.producer = Producer({'bootstrap.servers': task.bootstrap, **task.properties})
        self.answers = Answers()
        self.sending = True
        self.poller = threading.Thread(target=self.poll, daemon=True)
        self.poller.start()

    def poll(self):
        # Answers are told while one polls.
        while self.sending:
            self.producer.poll(0.01)

    def finish(self, sent):
        # The poller first: flush does not wait for a callback that runs in another thread.
        self.sending = False
        self.poller.join()
        self.producer.flush()
        self.answers.done(sent)

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
        partition = None if message is None else message.partition()
        if error is None:
            self.answers.acked(id, topic, start, partition, message.offset(), message.timestamp()[1])
        else:
            code = error.code() if error.code() > KafkaError.NO_ERROR else None
            self.answers.failed(id, topic, start, f'{error.name()}: {error.str()}', code, partition)


def main():
    task = Task()
    program = Program(task)
    sent = 0
    for sent, record in enumerate(task.records(), 1):
        program.send(sent - 1, record)
    program.finish(sent)


main()
