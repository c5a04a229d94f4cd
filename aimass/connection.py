"""Which Kafka a client talks to, and what happens when it does not answer."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, Protocol

from aiokafka.errors import KafkaConnectionError

from aimass.errors import WorldFault
from aimass.settings import Settings, kafka_options

#: A cluster: its ``host:port`` addresses, or the settings.
Where = str | Settings


class Starts(Protocol):
    """Any client of aiokafka."""

    def start(self) -> Awaitable[None]: ...
    def stop(self) -> Awaitable[None]: ...


def options_of(where: Where) -> dict[str, Any]:
    """Return the options of an aiokafka client for a cluster.

    Examples
    --------
    >>> options_of("localhost:9092")["bootstrap_servers"]
    'localhost:9092'
    """
    return kafka_options(where if isinstance(where, Settings) else replace(Settings(), bootstrap_servers=where))


def unreachable(options: dict[str, Any], exc: Exception) -> WorldFault:
    """Return the error to raise when no broker answers."""
    return WorldFault(
        f"no Kafka answers at {options['bootstrap_servers']} ({exc}): start one with `aimass up`, or check "
        "AIMASS_BOOTSTRAP_SERVERS and the AIMASS_SSL_…/AIMASS_SASL_… settings."
    )


async def start(client: Starts, options: dict[str, Any]) -> None:
    """Start an aiokafka client, or clean up and say that no broker answers.

    Raises
    ------
    WorldFault
        When the cluster cannot be reached or does not let us in.
    """
    try:
        await client.start()
    except (TimeoutError, KafkaConnectionError, OSError) as exc:
        await client.stop()
        raise unreachable(options, exc) from exc
    except BaseException:
        await client.stop()
        raise
