"""Why the embedded Kafka cannot run; every message ends with what to do.

::

    BrokerError
    ├── UnsupportedPlatform     no Java runtime can run here
    ├── NoNetwork               the jars must be fetched first and nothing answers
    ├── JarUnavailable          the configured repositories answer, but don't hand out a jar
    ├── ChecksumMismatch        a jar is not the one the lock names
    ├── LockUnreadable          the lock of the jars is damaged
    ├── PortOccupied            another program listens on the port
    ├── HomeNotWritable         the home directory cannot be written
    ├── DiskFull                the disk of the home directory is full
    ├── ClusterMismatch         the home holds a cluster of another shape, or its description is damaged
    ├── NoSuchBroker            the home holds no broker of that number
    ├── HomeBusy                another `up` or `down` is at work
    ├── BrokerDidNotStart       Kafka ended or did not answer in time
    └── BrokerDidNotStop        Kafka is still there after kill -9
"""

from __future__ import annotations

from aimass.errors import AimassError


class BrokerError(AimassError):
    """The embedded Kafka cannot run.

    Examples
    --------
    >>> issubclass(PortOccupied, BrokerError)
    True
    """


class UnsupportedPlatform(BrokerError):
    """No Java runtime that pip can install runs on this machine."""


class NoNetwork(BrokerError):
    """The first start has to fetch Kafka, and no Maven repository could be reached."""


class JarUnavailable(BrokerError):
    """The configured Maven repositories were reached but did not hand out a jar."""


class ChecksumMismatch(BrokerError):
    """A jar that was fetched is not the one that the lock names."""


class LockUnreadable(BrokerError):
    """The lock of the jars is damaged; the message names the line."""


class PortOccupied(BrokerError):
    """Another program listens on a port that Kafka was told to use."""


class HomeNotWritable(BrokerError):
    """The home directory cannot be created or written."""


class DiskFull(BrokerError):
    """The disk that holds the home directory has no room left."""


class ClusterMismatch(BrokerError):
    """The home holds a cluster of another shape than asked for, or its description is damaged."""


class NoSuchBroker(BrokerError):
    """The home holds no broker of that number."""


class HomeBusy(BrokerError):
    """Another process is starting or stopping Kafka in the same home."""


class BrokerDidNotStart(BrokerError):
    """Kafka ended while starting or did not answer in time; the message carries the end of its log."""


class BrokerDidNotStop(BrokerError):
    """Kafka is still in the process table after kill -9."""
