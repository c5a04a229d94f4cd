"""The demo's worker: a process of its own, as in production, that ends with the demo."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from aimass.errors import ClientError
from aimass.settings import Settings

_START_S = 60.0
_STOP_S = 20.0
_LOG_LINES = 12


@dataclass(slots=True)
class Worker:
    """A worker process, stopped when its block ends unless it was left running."""

    process: subprocess.Popen[bytes]
    log: Path
    card: Path
    left: bool = False

    @classmethod
    def of(cls, settings: Settings, file: Path) -> Self:
        """Start a worker of one pipeline."""
        log = file.with_name("worker.log")
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "aimass", "worker", str(file)],
                env=environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        return cls(process, log, settings.home / "workers" / f"{process.pid}.json")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.left:
            self.stop()

    def leave_running(self) -> None:
        """Let it live on after the block."""
        self.left = True
        self.log.with_name("worker.pid").write_text(str(self.process.pid))

    def stop(self) -> None:
        """End it: it commits what is done, and is killed if it does not end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def check(self, watching: asyncio.Future[None]) -> None:
        """See that it lives, and that whoever watches its outputs does.

        Raises
        ------
        ClientError
            When the worker has ended, with the end of its log.
        """
        if watching.done():
            watching.result()
        if self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            raise ClientError("\n".join([f"the worker ended with exit code {self.process.returncode}:", *lines]))

    async def ready(self, watching: asyncio.Future[None]) -> None:
        """Wait until it has registered."""
        deadline = monotonic() + _START_S
        while not self.card.exists():
            self.check(watching)
            if monotonic() > deadline:
                raise ClientError(f"the worker did not start within {_START_S:.0f} s: see {self.log}.")
            await asyncio.sleep(0.05)


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a worker that shall have these settings; all else is inherited."""
    return {
        **os.environ,
        "AIMASS_HOME": str(settings.home),
        "AIMASS_STATE_DIR": str(settings.state_dir),
        "AIMASS_BOOTSTRAP_SERVERS": str(settings.bootstrap_servers),
    }
