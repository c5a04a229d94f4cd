"""Stock faust-streaming: a table over RocksDB and one send per event, at least once, as its documentation has it."""

import os
import sys
from typing import Any

import faust

app = faust.App(
    os.environ["RUN"],
    broker="kafka://" + os.environ["BOOTSTRAP"],
    store="rocksdb://",
    datadir=os.environ["STATE"],
    value_serializer="json",
    key_serializer="raw",
    topic_partitions=4,
    web_enabled=False,
    topic_disable_leader=True,
    stream_wait_empty=False,
    consumer_auto_offset_reset="earliest",
)
table = app.Table("agg", partitions=4, key_type=str, options={"driver": "rocksdict"})
output = app.topic(os.environ["OUT"])


@app.agent(app.topic(os.environ["IN"]))
async def count(events: Any) -> None:
    """Count and running mean of field ``a`` per key."""
    async for event in events:
        key = event["key"]
        n, mean = table.get(key) or (0, 0.0)
        n += 1
        mean += (event["a"] - mean) / n
        table[key] = [n, mean]
        await output.send(key=key.encode(), value={"id": event["id"], "key": key, "n": n, "mean": mean})


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "-l", "warn", "--without-web"]
    app.main()
