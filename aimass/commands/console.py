"""How commands speak: results on stdout, progress on stderr, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

#: Results go here.
out = Console(highlight=False, soft_wrap=True)
#: Progress and remarks go here, so that a program that reads the results never sees them.
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON document on one line, keys in their order."""
    out.file.write(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
    out.file.flush()


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]], *, title: str | None = None) -> Table:
    """Return a plain table; columns whose name begins with ``#`` are numbers, aligned right."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.lstrip("#"), justify="right" if column.startswith("#") else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, str) else f"{cell:,}" if cell is not None else "–" for cell in row))
    return made


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a progress bar on stderr; it disappears when it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        yield progress
