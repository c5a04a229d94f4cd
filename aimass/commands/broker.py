"""`aimass up` and `aimass down`: the embedded Kafka."""

from __future__ import annotations

from aimass.commands.console import out, print_json
from aimass.commands.kafka import start_embedded, stop_embedded
from aimass.errors import ClientError
from aimass.settings import Settings


def up(settings: Settings, *, brokers: int, port: int | None, as_json: bool) -> int:
    """Start the embedded Kafka, or say that it runs already."""
    if settings.bootstrap_servers is not None:
        raise ClientError(
            f"AIMASS_BOOTSTRAP_SERVERS names a Kafka already ({settings.bootstrap_servers}), so none is started: "
            "unset it to use the embedded one."
        )
    running = start_embedded(settings, brokers=brokers, port=port)
    if as_json:
        print_json(
            {
                "bootstrap": running.bootstrap,
                "version": running.version,
                "pids": running.pids,
                "log_files": {node: str(path) for node, path in running.log_files.items()},
                "already_running": running.already_running,
            }
        )
        return 0
    what = "runs already" if running.already_running else "is up"
    out.print(f"Kafka {running.version} {what}: {running.bootstrap}")
    for node, path in running.log_files.items():
        out.print(f"  broker {node}: pid {running.pids.get(node, '–')}, log {path}")
    return 0


def down(settings: Settings, *, as_json: bool) -> int:
    """Stop the embedded Kafka, or say that none runs."""
    stopped = stop_embedded(settings)
    if as_json:
        print_json({"stopped": stopped})
    else:
        out.print("Kafka is stopped; its data stays." if stopped else f"No Kafka runs in {settings.home}.")
    return 0
