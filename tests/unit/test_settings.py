"""Settings: read once, complete, and wrong ones refused with what to do."""

from dataclasses import fields
from pathlib import Path

import pytest

from aimass.errors import ConfigurationError
from aimass.settings import Settings, kafka_options, reference_table

REPOSITORY = Path(__file__).parents[2]


def test_every_setting_is_read_from_its_variable() -> None:
    environ = {
        "AIMASS_HOME": "/srv/aimass",
        "AIMASS_BOOTSTRAP_SERVERS": "a:1, b:2",
        "AIMASS_PARTITIONS": "8",
        "AIMASS_LOG_LEVEL": "debug",
        "AIMASS_REPLICATION": "3",
    }
    settings = Settings.from_env(environ)
    assert settings.home == Path("/srv/aimass")
    assert settings.state_dir == Path("/srv/aimass/state")
    assert settings.bootstrap_servers == "a:1,b:2"
    assert (settings.partitions, settings.log_level, settings.replication) == (8, "DEBUG", 3)


def test_empty_and_foreign_variables_change_nothing() -> None:
    environ = {"AIMASS_PARTITIONS": " ", "PATH": "/bin", "AIMASS_TEST_FAULT": "commit"}
    assert Settings.from_env(environ) == Settings()


def test_an_unknown_variable_is_refused_with_the_likely_one() -> None:
    with pytest.raises(ConfigurationError, match=r"AIMASS_PARTITONS.*did you mean AIMASS_PARTITIONS\?"):
        Settings.from_env({"AIMASS_PARTITONS": "4"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIMASS_PARTITIONS", "many"),
        ("AIMASS_PARTITIONS", "0"),
        ("AIMASS_WEB_PORT", "65536"),
        ("AIMASS_BOOTSTRAP_SERVERS", "localhost"),
        ("AIMASS_BOOTSTRAP_SERVERS", "localhost:port"),
        ("AIMASS_SECURITY_PROTOCOL", "TLS"),
        ("AIMASS_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name} is '{value}'; allowed: "):
        Settings.from_env({name: value})


def test_sasl_needs_a_user_and_a_password() -> None:
    with pytest.raises(ConfigurationError, match="AIMASS_SASL_USERNAME"):
        Settings(security_protocol="SASL_SSL")


def test_sasl_without_a_protocol_that_logs_in_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="AIMASS_SECURITY_PROTOCOL"):
        Settings(sasl_username="me", sasl_password="secret")


def test_kafka_options_hold_what_a_client_needs_to_be_let_in() -> None:
    settings = Settings(
        bootstrap_servers="k:9", security_protocol="SASL_SSL", sasl_username="me", sasl_password="secret"
    )
    options = kafka_options(settings)
    assert options["sasl_mechanism"] == "PLAIN"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("me", "secret")
    assert options["ssl_context"].check_hostname


def test_no_cluster_and_unreadable_certificates_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="aimass up"):
        kafka_options(Settings())
    missing = tmp_path / "ca.pem"
    settings = Settings(bootstrap_servers="k:9", security_protocol="SSL", ssl_cafile=missing)
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        kafka_options(settings)


def test_secrets_are_never_shown() -> None:
    settings = Settings(
        bootstrap_servers="k:9", security_protocol="SASL_PLAINTEXT", sasl_username="me", sasl_password="hush"
    )
    assert "hush" not in repr(settings)


def test_the_reference_lists_every_setting() -> None:
    table = reference_table()
    assert all(f"`AIMASS_{f.name.upper()}`" in table for f in fields(Settings))
    assert table in (REPOSITORY / "docs/reference/settings.md").read_text()
