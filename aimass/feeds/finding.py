"""Finds files: by a path, a directory or a glob; and one that was renamed, by what it is."""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path

#: A file: its path, and what the file system says of it.
Found = tuple[str, os.stat_result]


def find(pattern: str) -> list[Found]:
    """Return the files that a pattern means, the oldest first: a path, a directory (all files in it) or a glob.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.log", "a.log", "a.txt"):
    ...         _ = Path(folder, name).write_text(name)
    ...     sorted(Path(path).name for path, _ in find(f"{folder}/*.log")), len(find(folder))
    (['a.log', 'b.log'], 3)
    """
    pattern = str(Path(pattern).expanduser())
    if Path(pattern).is_dir():
        pattern = f"{glob.escape(pattern)}/*"
    elif Path(pattern).exists():
        pattern = glob.escape(pattern)
    found = [(path, facts) for path in _paths(pattern) if (facts := look(path)) is not None]
    return sorted(found, key=lambda one: (one[1].st_mtime_ns, one[0]))


def _paths(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207, Path.glob takes no pattern that begins at the root


def look(path: str) -> os.stat_result | None:
    """Return what the file system says of a file; ``None`` when there is none."""
    try:
        facts = Path(path).stat()
    except OSError:
        return None
    return facts if stat.S_ISREG(facts.st_mode) else None


def renamed(path: str, key: tuple[int, int]) -> str | None:
    """Return where a file, by device and inode, is now that stood at a path: in the same directory, or nowhere."""
    folder = Path(path).parent
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.inode() == key[1]]
    except OSError:
        return None
    for name in names:
        place = str(Path(path).with_name(name))
        facts = look(place)
        if facts is not None and (facts.st_dev, facts.st_ino) == key:
            return place
    return None
