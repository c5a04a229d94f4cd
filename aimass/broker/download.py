"""Fetches jars through jgo, from the repositories of this machine, and lets in only what the lock names."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests
from jgo.maven import MavenContext, PythonResolver

from aimass.broker.errors import ChecksumMismatch, JarUnavailable, NoNetwork
from aimass.broker.lock import Jar
from aimass.broker.mirrors import local_repository, repositories
from aimass.broker.spec import Progress

_CONNECTIONS = 6
_TRIES = 3
_STALE_S = 3600.0


def download(jars: Sequence[Jar], cache: Path, total: int, progress: Progress) -> None:
    """Put jars into the cache.

    Parameters
    ----------
    jars
        Those that are missing.
    cache
        Where they go.
    total
        How many bytes there will be, with those that are not missing.
    progress
        Told how many of them there are.
    """
    _sweep(cache)
    missing = [jar for jar in jars if not _take_local(jar, cache)]
    counter = _Counter(progress, total, missing)
    with _partial(cache) as folder, ThreadPoolExecutor(_CONNECTIONS) as pool:
        resolver = PythonResolver(progress_callback=counter.of_one_file)
        context = MavenContext(resolver, repo_cache=folder, local_repos=[], remote_repos=repositories())
        futures = [pool.submit(_fetch_one, jar, context, cache) for jar in missing]
        try:
            for future in futures:
                future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _accept(jar: Jar, fetched: Path, cache: Path) -> bool:
    """Move a jar into the cache in one step, if it is the right one."""
    if not jar.matches(fetched):
        return False
    fetched.replace(cache / jar.filename)
    return True


@contextmanager
def _partial(cache: Path) -> Iterator[Path]:
    """Give a directory for what is not checked yet; what a killed process leaves there is never used."""
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=cache, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _sweep(cache: Path) -> None:
    """Remove what killed processes left, sparing what another one may be fetching now."""
    for folder in cache.glob(".partial-*"):
        if time.time() - folder.stat().st_mtime > _STALE_S:
            shutil.rmtree(folder, ignore_errors=True)


def _take_local(jar: Jar, cache: Path) -> bool:
    """Take a jar that Maven or jgo fetched earlier, if it is the right one."""
    fetched_before = local_repository() / jar.repository_path
    if not jar.matches(fetched_before):
        return False
    with _partial(cache) as folder:
        shutil.copyfile(fetched_before, folder / jar.filename)
        return _accept(jar, folder / jar.filename, cache)


def _fetch_one(jar: Jar, context: MavenContext, cache: Path) -> None:
    try:
        fetched = _resolve(jar, context)
    except requests.RequestException as exc:
        raise NoNetwork(
            f"Kafka has to be fetched before its first start, and no Maven repository answered "
            f"({type(exc).__name__} while fetching {jar.filename}). Connect this machine (proxy: HTTPS_PROXY; mirror: "
            f"~/.m2/settings.xml or jgo's configuration), or copy the directory {cache} from a machine that has it; "
            f"then run the command again."
        ) from exc
    except RuntimeError as exc:
        raise JarUnavailable(
            f"The configured Maven repositories do not hand out {jar.coordinate}. Check the mirror in "
            f"~/.m2/settings.xml or in jgo's configuration, then run the command again."
        ) from exc
    if not _accept(jar, fetched, cache):
        raise ChecksumMismatch(
            f"{jar.filename} as fetched is not the file that aimass was tested with (its SHA-256 is not {jar.sha256}). "
            f"Nothing was started. A proxy or mirror may have changed it: compare it with another network, "
            f"and report it if it differs there too."
        )


def _resolve(jar: Jar, context: MavenContext) -> Path:
    """Let jgo fetch one jar, trying again when the connection breaks."""
    artifact = context.create_dependency(jar.coordinate).artifact
    for _ in range(_TRIES - 1):
        try:
            return Path(artifact.resolve())
        except requests.RequestException:
            (context.repo_cache / jar.repository_path).unlink(missing_ok=True)
    return Path(artifact.resolve())


class _Counter:
    """Adds up the bytes that several connections fetch at once."""

    def __init__(self, progress: Progress, total: int, missing: Sequence[Jar]) -> None:
        self._progress = progress
        self._total = total
        self._done = total - sum(jar.size for jar in missing)
        self._lock = threading.Lock()

    @contextmanager
    def of_one_file(self, filename: str, size: int) -> Iterator[Callable[[int], None]]:
        yield self._add

    def _add(self, count: int) -> None:
        with self._lock:
            self._done += count
            self._progress("fetching Kafka", min(self._done, self._total), self._total)
