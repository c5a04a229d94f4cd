"""Which Kafka a command uses: the configured one, the embedded one that runs, or one that it starts."""

from __future__ import annotations

from dataclasses import replace

from rich.progress import TaskID

from aimass.broker import KafkaSpec, Running, down, status, up
from aimass.commands.console import progress_bar
from aimass.errors import ClientError
from aimass.settings import Settings


def find_kafka(settings: Settings) -> Settings:
    """Return the settings with the address of the Kafka to use.

    Raises
    ------
    ClientError
        When none is configured and the embedded one does not run.
    """
    if settings.bootstrap_servers is not None:
        return settings
    found = status(settings.home)
    if not found.running or found.bootstrap is None:
        raise ClientError(
            f"no Kafka runs in {settings.home}: start one with `aimass up`, or name a cluster by "
            "AIMASS_BOOTSTRAP_SERVERS=host:port."
        )
    return replace(settings, bootstrap_servers=found.bootstrap)


def ensure_kafka(settings: Settings, *, brokers: int = 1, port: int | None = None) -> tuple[Settings, bool]:
    """Return the settings with the address of the Kafka to use, starting the embedded one if need be.

    Returns
    -------
    tuple
        The settings, and whether this call started it.
    """
    if settings.bootstrap_servers is not None:
        return settings, False
    running = start_embedded(settings, brokers=brokers, port=port)
    return replace(settings, bootstrap_servers=running.bootstrap), not running.already_running


def start_embedded(settings: Settings, *, brokers: int = 1, port: int | None = None) -> Running:
    """Start the embedded Kafka with a progress bar, or find that it runs."""
    spec = KafkaSpec(home=settings.home, brokers=brokers, partitions=settings.partitions)
    if port is not None:
        spec = replace(spec, port=port)
    with progress_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        return up(spec, show)


def stop_embedded(settings: Settings) -> bool:
    """Stop the embedded Kafka; say whether there was one."""
    return down(settings.home)
