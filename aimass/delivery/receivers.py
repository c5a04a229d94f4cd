"""Who is told, as delivery sees them, and the secrets that they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aimass.delivery.signing import secret_bytes
from aimass.errors import ConfigurationError


class Receiver(Protocol):
    """Somebody who is told: a ``[[receiver]]`` of the pipeline file."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def url(self) -> str | None: ...
    @property
    def secret(self) -> str | None: ...
    @property
    def previous_secret(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...
    @property
    def to(self) -> tuple[str, ...]: ...
    @property
    def sender(self) -> str | None: ...
    @property
    def server(self) -> str | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def password(self) -> str | None: ...
    @property
    def allow_internal(self) -> bool: ...
    @property
    def timeout(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a receiver's environment variables hold."""

    signing: tuple[bytes, ...] = ()
    key: str = ""
    user: str = ""
    password: str = ""


def secrets_of(receiver: Receiver, environ: Mapping[str, str]) -> Secrets:
    """Return the secrets of a receiver.

    Raises
    ------
    ConfigurationError
        Naming the receiver and the variable that is missing or wrong.

    Examples
    --------
    >>> from aimass.pipeline.alerting import ReceiverDef
    >>> secrets_of(ReceiverDef(name="pager", kind="pagerduty", key="PD_KEY"), {})
    Traceback (most recent call last):
        ...
    aimass.errors.ConfigurationError: receiver pager: the environment variable PD_KEY (its key) is not set.
    """

    def held(what: str) -> str:
        variable = getattr(receiver, what)
        if variable is None:
            return ""
        value = environ.get(variable, "")
        if not value:
            raise ConfigurationError(
                f"receiver {receiver.name}: the environment variable {variable} (its {what}) is not set."
            )
        return value

    signing = tuple(
        secret_bytes(value, f"receiver {receiver.name}: {getattr(receiver, what)}")
        for what in ("secret", "previous_secret")
        if (value := held(what))
    )
    return Secrets(signing, held("key"), held("user"), held("password"))


def check(receivers: Iterable[Receiver], environ: Mapping[str, str]) -> dict[str, Secrets]:
    """Return the secrets of all receivers by name, before anything starts.

    Raises
    ------
    ConfigurationError
        When one is missing or wrong.
    """
    return {receiver.name: secrets_of(receiver, environ) for receiver in receivers}
