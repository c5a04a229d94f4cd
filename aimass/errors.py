"""Every error that aimass raises, in one tree.

::

    AimassError
    ├── ConfigurationError      a setting or a pipeline file is wrong: nothing was started
    ├── BadEvent                one event cannot be accepted: it goes to the dead letters
    ├── BrokerError             the embedded Kafka cannot run (aimass.broker.errors)
    ├── WorldFault              the broker, the disk or the network failed: retried with backoff
    │   ├── Fenced              another worker owns the partition now
    │   └── SourceStopped       a gate has closed a source: nothing of it is taken until it is opened
    ├── StageError              a stage failed where no event is to blame
    ├── StateError              state on disk or in the changelog cannot be used
    │   ├── ChangelogBehind     a changelog ends before what a store has of it: the store is not its child
    │   └── SnapshotVersionMismatch
    └── ClientError             a command or a client call cannot be done

The class decides what happens next, as the class attribute ``disposition``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Disposition = Literal["dead_letter", "retry", "crash"]


class AimassError(Exception):
    """The root of all errors of aimass.

    Examples
    --------
    >>> AimassError.disposition
    'crash'
    """

    disposition: ClassVar[Disposition] = "crash"


class ConfigurationError(AimassError):
    """A setting or a pipeline file is wrong; the message names the file, the line and the key."""


class BadEvent(AimassError):
    """One event cannot be accepted: it is dead-lettered with this reason and the stream goes on."""

    disposition = "dead_letter"


class WorldFault(AimassError):
    """The broker, the disk or the network failed; the partition stops, waits and tries again."""

    disposition = "retry"


class Fenced(WorldFault):
    """Another worker has taken over the partition: what this one had not committed is dropped."""


class SourceStopped(WorldFault):
    """A gate has closed a source: its records stay where they are until a person opens it (`aimass quality open`)."""


class StageError(AimassError):
    """A stage failed where no event is to blame: a fault of the program, which stops the worker."""


class StateError(AimassError):
    """State on disk or in a changelog cannot be used as it is."""


class ChangelogBehind(StateError):
    """A changelog ends before what a store has of it, so the store is not its child: it is rebuilt."""


class SnapshotVersionMismatch(StateError):
    """A snapshot was written by a version that this one cannot read."""


class ClientError(AimassError):
    """A command or a client call cannot be done; the message says what to do."""
