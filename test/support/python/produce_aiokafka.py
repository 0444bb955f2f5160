"""aiokafka, told by a ProducerSpec and answering in Outcomes: see ../producer-spec.ts."""

import asyncio
import time

from aiokafka import AIOKafkaProducer
from aiokafka.errors import BrokerResponseError

from producer_spec import Answers, Task


class Program:
    def __init__(self, producer):
        self.producer = producer
        self.answers = Answers()
        self.under_way = set()

    async def finish(self, sent):
        await asyncio.gather(*self.under_way)
        await self.producer.stop()
        self.answers.done(sent)

    async def send(self, id, record):
        """Returns when the client has taken the record; its answer comes later."""
        start = time.monotonic()
        try:
            future = await self.producer.send(
                record['topic'],
                value=record['value'],
                key=record['key'],
                headers=record['headers'],
                partition=record['partition'],
                timestamp_ms=record['timestamp'],
            )
        except Exception as error:
            return self.answers.failed(id, record['topic'], start, *reason_of(error))
        answer = asyncio.create_task(self.wait_for(future, id, record['topic'], start))
        self.under_way.add(answer)
        answer.add_done_callback(self.under_way.discard)

    async def wait_for(self, future, id, topic, start):
        try:
            metadata = await future
        except Exception as error:
            self.answers.failed(id, topic, start, *reason_of(error))
        else:
            # With acks=0 there is none.
            place = (metadata.partition, metadata.offset, metadata.timestamp) if metadata else (None, None, None)
            self.answers.acked(id, topic, start, *place)


def reason_of(error):
    code = error.errno if isinstance(error, BrokerResponseError) and (error.errno or -1) > 0 else None
    return f'{type(error).__name__}: {error}', code


async def main():
    task = Task()
    producer = AIOKafkaProducer(bootstrap_servers=task.bootstrap, **task.settings())
    await producer.start()
    program = Program(producer)
    records = task.records()
    sent = 0
    # In another thread, since it may pause between two records.
    while (record := await asyncio.to_thread(next, records, None)) is not None:
        await program.send(sent, record)
        sent += 1
    await program.finish(sent)


asyncio.run(main())
