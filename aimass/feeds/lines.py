"""Cuts what was read of a file into lines; what is too long for Kafka is cut off, and says so."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Sequence

from aimass.feeds.base import Row

logger = logging.getLogger(__name__)
#: The longest value that is handed on whole: aimass reads records of up to 8 MiB, this leaves room for what is around.
LONGEST = (8 << 20) - (64 << 10)
#: How much is kept of what is longer.
KEPT = 4096
CUT = "aimass.cut"


def shortened(row: Row, longest: int = LONGEST) -> Row:
    """Return a row that fits: of a value that is too long its beginning, with a header that says how long it was.

    Nothing is lost in silence: it is logged, and a format that can tell (JSON can) sends it to the dead letters.

    Examples
    --------
    >>> row = shortened(Row(b"x" * 9000, headers=(("aimass.file", b"a.log"),)), longest=8000)
    >>> len(row.value), row.headers
    (4096, (('aimass.file', b'a.log'), ('aimass.cut', b'9000')))
    """
    size = len(row.value) + len(row.key or b"") + sum(len(name) + len(value) for name, value in row.headers)
    if size <= longest:
        return row
    where = {name: value.decode(errors="replace") for name, value in row.headers}
    logger.error(
        "a record is too long and was cut off: raise max.message.bytes of the topic, or write shorter ones",
        extra={"bytes": size, "of": row.stream, "file": where.get("aimass.file"), "at": where.get("aimass.at")},
    )
    kept = max(0, min(KEPT, longest - 1024))
    return row._replace(value=row.value[:kept], headers=(*row.headers, (CUT, str(len(row.value)).encode())))


def cut(data: bytes, start: int, most: int, most_bytes: int) -> tuple[list[tuple[int, bytes]], int]:
    """Return the whole lines of some bytes with where each begins, and where the last of them ends.

    Parameters
    ----------
    data
        The bytes.
    start
        Where to begin.
    most, most_bytes
        How many lines, and how many bytes of them, are enough.

    Examples
    --------
    >>> cut(b"a\\r\\n\\nb\\nrest", 0, 100, 100)
    ([(0, b'a'), (4, b'b')], 6)
    """
    found: list[tuple[int, bytes]] = []
    last = start + most_bytes
    while len(found) < most and start < last:
        end = data.find(b"\n", start)
        if end < 0:
            break
        line = data[start:end].removesuffix(b"\r")
        if line:
            found.append((start, line))
        start = end + 1
    return found, start


def columns(line: bytes, delimiter: str = ",") -> bytes:
    """Return the names in the first line of a CSV file, as the JSON list that each record's header carries.

    Examples
    --------
    >>> columns(b'\\xef\\xbb\\xbfid,"full name"\\r')
    b'["id", "full name"]'
    """
    text = line.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    names: Sequence[str] = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
    return json.dumps([name.strip() for name in names]).encode()
