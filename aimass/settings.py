"""All settings in one frozen dataclass, read from the environment once (``AIMASS_…``) and passed down."""

# ruff: noqa: RUF009  (each default below is a dataclass field, made by a function that adds its documentation)

from __future__ import annotations

import difflib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, cast

from aimass.errors import ConfigurationError

#: The agents of a pipeline, in the order in which an event passes them.
AGENTS: Final = ("feed", "collect", "score", "decide", "notify", "deliver", "judge", "correlate")
PREFIX: Final = "AIMASS_"
#: Variables of this prefix are not settings: tests and fault injection use them.
IGNORED_PREFIX: Final = "AIMASS_TEST_"

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

Parser = Callable[[str], Any]


def _text(value: str) -> str:
    return value


def _path(value: str) -> Path:
    return Path(value).expanduser()


def _number(low: int, high: int) -> Parser:
    def parse(value: str) -> int:
        number = int(value)
        if not low <= number <= high:
            raise ValueError(value)
        return number

    return parse


def _choice(*allowed: str) -> Parser:
    def parse(value: str) -> str:
        if value.upper() not in allowed:
            raise ValueError(value)
        return value.upper()

    return parse


def _servers(value: str) -> str:
    for server in value.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not 0 < int(port) < 65536:
            raise ValueError(value)
    return ",".join(server.strip() for server in value.split(","))


def _setting(default: Any, help: str, allowed: str, parse: Parser, *, shown: str | None = None) -> Any:
    shown = shown if shown is not None else "" if default is None else str(default)
    metadata = {"help": help, "allowed": allowed, "parse": parse, "shown": shown}
    return field(default=default, metadata=metadata)


def _text_setting(help: str, *, secret: bool = False) -> Any:
    described = _setting(None, help, "any text", _text)
    return field(default=None, repr=not secret, metadata=described.metadata)


def _path_setting(help: str, *, shown: str = "") -> Any:
    return _setting(None, help, "a path", _path, shown=shown)


def _number_setting(default: int | None, help: str, low: int, high: int, *, shown: str | None = None) -> Any:
    return _setting(default, help, f"a whole number from {low} to {high}", _number(low, high), shown=shown)


def _choice_setting(default: str | None, help: str, choices: tuple[str, ...]) -> Any:
    return _setting(default, help, "one of " + ", ".join(choices), _choice(*choices))


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set from outside: each field is the environment variable ``AIMASS_<FIELD>``.

    Examples
    --------
    >>> settings = Settings.from_env({"AIMASS_COMMIT_INTERVAL_MS": "20", "AIMASS_HOME": "/var/lib/aimass"})
    >>> settings.commit_interval_ms, settings.state_dir.as_posix()
    (20, '/var/lib/aimass/state')
    """

    home: Path = _path_setting("where aimass keeps the embedded Kafka, state and logs", shown="~/.aimass")
    bootstrap_servers: str | None = _setting(
        None, "the Kafka cluster to use", "host:port, several separated by commas", _servers, shown="the embedded Kafka"
    )
    security_protocol: str = _choice_setting("PLAINTEXT", "how to talk to the cluster", PROTOCOLS)
    ssl_cafile: Path | None = _path_setting("certificates to trust", shown="the system's")
    ssl_certfile: Path | None = _path_setting("our certificate, for mutual TLS")
    ssl_keyfile: Path | None = _path_setting("the key of our certificate")
    ssl_password: str | None = _text_setting("the password of the key", secret=True)
    sasl_mechanism: str | None = _choice_setting(None, "how to log in, with SASL", MECHANISMS)
    sasl_username: str | None = _text_setting("who logs in, with SASL")
    sasl_password: str | None = _text_setting("the password, with SASL", secret=True)
    state_dir: Path = _path_setting("where workers keep their RocksDB state", shown="state in the home")
    commit_interval_ms: int = _number_setting(100, "under load, commit a partition this often", 1, 60_000)
    transaction_timeout_ms: int = _number_setting(
        10_000, "Kafka aborts the transaction of a dead worker after this", 1_000, 900_000
    )
    chunk_max_records: int = _number_setting(2_000, "most records of a partition handed over at once", 1, 100_000)
    buffer_chunks: int = _number_setting(8, "chunks buffered per partition before fetching stops", 1, 1_000)
    max_pending_outputs: int = _number_setting(
        20_000, "outputs of a partition not yet committed before it commits at once", 1, 1_000_000
    )
    state_cache_mb: int = _number_setting(256, "memory for live state, per worker", 8, 1_000_000)
    partitions: int = _number_setting(4, "partitions of topics that aimass creates first", 1, 10_000)
    replication: int | None = _number_setting(
        None, "replicas of topics that aimass creates", 1, 10, shown="3, or as many as there are brokers"
    )
    session_timeout_s: int = _number_setting(10, "a silent worker's partitions move after this", 1, 1_800)
    web_port: int = _number_setting(6066, "port of /metrics and /health (0: off; taken: the next free)", 0, 65_535)
    push_host: str = _setting("127.0.0.1", "the address that sources are pushed to", "a host", _text)
    push_port: int = _number_setting(8099, "the port that sources are pushed to (0: any that is free)", 0, 65_535)
    push_token: str | None = _text_setting("the bearer token that whoever pushes must send", secret=True)
    log_level: str = _choice_setting("INFO", "least severe log lines written", LOG_LEVELS)

    def __post_init__(self) -> None:
        home = self.home if self.home is not None else Path.home() / ".aimass"
        object.__setattr__(self, "home", home)
        object.__setattr__(self, "state_dir", self.state_dir if self.state_dir is not None else home / "state")
        _check_security(self)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from an environment; variables that are empty count as not set.

        Parameters
        ----------
        environ
            Usually ``os.environ``, which only the process's entry point reads.

        Raises
        ------
        ConfigurationError
            Names the variable, its value and what is allowed; also for an ``AIMASS_`` variable that is unknown.
        """
        parsers = {PREFIX + f.name.upper(): f for f in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in environ.items():
            if not name.startswith(PREFIX) or name.startswith(IGNORED_PREFIX) or not value.strip():
                continue
            if name not in parsers:
                raise ConfigurationError(_unknown(name, list(parsers)))
            spec = parsers[name]
            try:
                values[spec.name] = spec.metadata["parse"](value.strip())
            except ValueError as exc:
                raise ConfigurationError(_wrong(name, value, spec.metadata["allowed"])) from exc
        return cls(**values)


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else "docs/reference/settings.md lists all settings."
    return f"the environment sets {name}, which is not a setting of aimass: {hint} Rename or unset it."


def _wrong(name: str, value: str, allowed: str) -> str:
    shown = "(hidden)" if "PASSWORD" in name else repr(value)
    return f"{name} is {shown}; allowed: {allowed}. Change or unset it."


def _check_security(settings: Settings) -> None:
    sasl = settings.security_protocol.startswith("SASL_")
    if sasl and not (settings.sasl_username and settings.sasl_password):
        raise ConfigurationError(
            f"AIMASS_SECURITY_PROTOCOL is {settings.security_protocol!r}, which logs in: "
            "set AIMASS_SASL_USERNAME and AIMASS_SASL_PASSWORD (and AIMASS_SASL_MECHANISM, else PLAIN) too."
        )
    if not sasl and (settings.sasl_username or settings.sasl_mechanism):
        raise ConfigurationError(
            f"AIMASS_SASL_… is set but AIMASS_SECURITY_PROTOCOL is {settings.security_protocol!r}, which does not "
            "log in: set AIMASS_SECURITY_PROTOCOL to SASL_SSL or SASL_PLAINTEXT, or unset AIMASS_SASL_…."
        )
    if settings.ssl_cafile and "SSL" not in settings.security_protocol.split("_"):
        raise ConfigurationError(
            f"AIMASS_SSL_CAFILE is set but AIMASS_SECURITY_PROTOCOL is {settings.security_protocol!r}, which does not "
            "encrypt: set AIMASS_SECURITY_PROTOCOL to SSL or SASL_SSL, or unset AIMASS_SSL_CAFILE."
        )


def kafka_options(settings: Settings) -> dict[str, Any]:
    """Return what every aiokafka client is made with: the cluster's address and how to be let in.

    Raises
    ------
    ConfigurationError
        When no cluster is configured (an embedded Kafka's address is filled in by whoever starts it), or a
        certificate cannot be read.

    Examples
    --------
    >>> kafka_options(Settings(bootstrap_servers="localhost:9092"))
    {'bootstrap_servers': 'localhost:9092', 'security_protocol': 'PLAINTEXT'}
    """
    if settings.bootstrap_servers is None:
        raise ConfigurationError(
            "no Kafka cluster is configured and no embedded Kafka runs: start one with `aimass up`, "
            "or set AIMASS_BOOTSTRAP_SERVERS to host:port."
        )
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
    }
    if "SSL" in settings.security_protocol.split("_"):
        options["ssl_context"] = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL_"):
        options["sasl_mechanism"] = settings.sasl_mechanism or "PLAIN"
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = settings.sasl_password
    return options


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
        if settings.ssl_certfile is not None:
            context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile, settings.ssl_password)
    except OSError as exc:
        files = [settings.ssl_cafile, settings.ssl_certfile, settings.ssl_keyfile]
        named = ", ".join(str(file) for file in files if file is not None)
        raise ConfigurationError(
            f"TLS cannot be set up from {named}: {exc}. Check AIMASS_SSL_CAFILE, _CERTFILE, _KEYFILE and _PASSWORD."
        ) from exc
    return context


def reference_table() -> str:
    """Return the table of all settings in Markdown, as `docs/reference/settings.md` shows it."""
    lines = ["| variable | default | allowed | what it sets |", "| --- | --- | --- | --- |"]
    for spec in fields(Settings):
        facts = cast("Mapping[str, Any]", spec.metadata)
        lines.append(f"| `{PREFIX}{spec.name.upper()}` | {facts['shown']} | {facts['allowed']} | {facts['help']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(reference_table())
