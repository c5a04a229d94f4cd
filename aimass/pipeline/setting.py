"""How a section of the pipeline file declares a key."""

from __future__ import annotations

from dataclasses import MISSING, field
from typing import Any


def setting(kind: str, help: str, *, default: Any = MISSING, shown: str = "", allowed: tuple[str, ...] = ()) -> Any:
    """Declare a key of a section: its kind (see `aimass.pipeline.kinds`), meaning, default and allowed values."""
    metadata = {"kind": kind, "help": help, "allowed": allowed, "shown": shown}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)
