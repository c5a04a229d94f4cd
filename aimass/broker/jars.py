"""The jars that the lock names, in the cache: trusted only when their bytes are the lock's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from aimass.broker.disk import MIB, ensure_room, guarded
from aimass.broker.lock import Jar
from aimass.broker.spec import Progress

logger = logging.getLogger(__name__)


def fetch_jars(jars: Sequence[Jar], cache: Path, progress: Progress) -> list[Path]:
    """Return the path of each jar, fetching those that are missing or damaged.

    Parameters
    ----------
    jars
        What the lock names.
    cache
        The directory that keeps them between runs; several processes may share it.
    progress
        Told how many bytes there are, of how many, while something is being fetched.

    Returns
    -------
    list of pathlib.Path
        In the order of `jars`, each checked against the lock in this call.
    """
    with guarded(cache):
        cache.mkdir(parents=True, exist_ok=True)
        missing = [jar for jar in jars if not _is_trusted(jar, cache)]
        if missing:
            from aimass.broker.download import download  # jgo takes a third of a second to import

            ensure_room(cache, sum(jar.size for jar in missing) + 16 * MIB)
            download(missing, cache, sum(jar.size for jar in jars), progress)
    return [cache / jar.filename for jar in jars]


def _is_trusted(jar: Jar, cache: Path) -> bool:
    path = cache / jar.filename
    if jar.matches(path):
        return True
    if path.exists():
        logger.warning("damaged jar is fetched again", extra={"path": str(path)})
    return False
