"""Which Maven repositories this machine wants its jars from: jgo's configuration and Maven's settings.xml.

jgo reads its own configuration file and environment but not ``settings.xml``, where a company's mirror usually stands.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL


def repositories() -> dict[str, str]:
    """Name and address of each repository to ask, in order; Maven Central unless configured otherwise."""
    remote = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    return {name: mirror_of(name, url, settings_files(os.environ)) for name, url in remote.items()}


def local_repository() -> Path:
    """Where Maven and jgo keep what they have fetched before on this machine."""
    return Path(GlobalSettings.load().repo_cache)


def settings_files(environ: Mapping[str, str]) -> list[Path]:
    """Maven's settings files, the user's before the machine's."""
    homes = [Path(environ[name]) / "conf" for name in ("MAVEN_HOME", "M2_HOME") if environ.get(name)]
    folders = [Path.home() / ".m2", *homes, Path("/etc/maven")]
    return [folder / "settings.xml" for folder in folders if (folder / "settings.xml").is_file()]


def mirror_of(name: str, url: str, files: Iterable[Path]) -> str:
    """Give the address of the first mirror that stands for a repository, or the repository's own.

    Parameters
    ----------
    name, url
        The repository.
    files
        Maven ``settings.xml`` files, the most important first. One that is not XML is passed over, as Maven itself
        will say what is wrong with it.

    Examples
    --------
    >>> mirror_of("central", "https://repository.example/maven", [])
    'https://repository.example/maven'
    """
    for path in files:
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError:
            continue
        for mirror in root.iterfind("{*}mirrors/{*}mirror"):
            patterns = mirror.findtext("{*}mirrorOf", "").strip()
            blocked = mirror.findtext("{*}blocked", "false").strip() == "true"
            address = mirror.findtext("{*}url", "").strip()
            if address and not blocked and stands_for(patterns, name, url):
                return address.rstrip("/")
    return url.rstrip("/")


def stands_for(patterns: str, name: str, url: str) -> bool:
    """Tell whether Maven's ``mirrorOf`` covers a repository.

    Parameters
    ----------
    patterns
        Comma-separated: names, ``*``, ``external:*``, ``external:http:*``; ``!name`` excludes.
    name, url
        The repository.

    Examples
    --------
    >>> stands_for("*,!internal", "central", "https://repository.example")
    True
    >>> stands_for("external:http:*", "central", "https://repository.example")
    False
    """
    wanted = [pattern.strip() for pattern in patterns.split(",")]
    if f"!{name}" in wanted:
        return False
    external = not url.startswith(("file:", "http://localhost", "http://127.0.0.1"))
    return (
        name in wanted
        or "*" in wanted
        or (external and "external:*" in wanted)
        or (external and url.startswith("http:") and "external:http:*" in wanted)
    )
