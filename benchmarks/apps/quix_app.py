"""Quix Streams: exactly once, state in RocksDB with a changelog, a commit every 100 ms as aimass has it."""

import os
from typing import Any

from quixstreams import Application

app = Application(
    broker_address=os.environ["BOOTSTRAP"],
    consumer_group=os.environ["RUN"],
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    state_dir=os.environ["STATE"],
    loglevel="WARNING",
    commit_interval=0.1,
    consumer_extra_config={"group.protocol": "classic"},
)
source = app.topic(os.environ["IN"], value_deserializer="json", key_deserializer="str")
output = app.topic(os.environ["OUT"], value_serializer="json", key_serializer="str")


def count(event: dict[str, Any], state: Any) -> dict[str, Any]:
    """Count and running mean of field ``a`` per key."""
    n, mean = state.get("agg") or (0, 0.0)
    n += 1
    mean += (event["a"] - mean) / n
    state.set("agg", (n, mean))
    return {"id": event["id"], "key": event["key"], "n": n, "mean": mean}


frame = app.dataframe(source).apply(count, stateful=True).to_topic(output)

if __name__ == "__main__":
    app.run()
