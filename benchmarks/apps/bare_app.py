"""The bare loop: fetch and decode, nothing else. Prints how many events a second that gave, and its CPU seconds."""

import asyncio
import os
import time

import orjson
from aiokafka import AIOKafkaConsumer


async def main(topic: str, total: int) -> None:
    """Read the whole topic once."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=os.environ["BOOTSTRAP"], group_id=os.environ["RUN"], auto_offset_reset="earliest"
    )
    await consumer.start()
    done, started, cpu = 0, 0.0, 0.0
    while done < total:
        for records in (await consumer.getmany(timeout_ms=200, max_records=4000)).values():
            if not done:
                started, cpu = time.time(), time.process_time()
            for record in records:
                orjson.loads(record.value)
            done += len(records)
    print("RESULT", done / (time.time() - started), (time.process_time() - cpu) / done * 1e6, flush=True)
    await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(os.environ["IN"], int(os.environ["EVENTS"])))
