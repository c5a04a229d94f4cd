"""The embedded Kafka: a real Apache Kafka in KRaft mode from pip alone, for one machine.

Examples
--------
>>> from pathlib import Path
>>> from aimass.broker import KafkaSpec, down, up
>>> running = up(KafkaSpec(home=Path.home() / ".aimass"))  # doctest: +SKIP
>>> running.bootstrap  # doctest: +SKIP
'127.0.0.1:9092'
>>> down(Path.home() / ".aimass")  # doctest: +SKIP
True
"""

from aimass.broker.embedded import down, start_broker, status, stop_broker, up
from aimass.broker.errors import BrokerError
from aimass.broker.spec import BrokerStatus, KafkaSpec, NodeStatus, Progress, Running

__all__ = [
    "BrokerError",
    "BrokerStatus",
    "KafkaSpec",
    "NodeStatus",
    "Progress",
    "Running",
    "down",
    "start_broker",
    "status",
    "stop_broker",
    "up",
]
